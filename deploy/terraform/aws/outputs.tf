output "address" {
  description = "Where the load balancer is: let the plant's name point there (CNAME, or an alias)."
  value       = aws_lb.plant.dns_name
}

output "admin_password" {
  description = "How to read the first password of the user admin."
  value       = "aws secretsmanager get-secret-value --region ${var.region} --secret-id ${aws_secretsmanager_secret.plant["admin_password"].name} --query SecretString --output text"
}

output "bucket" {
  description = "Where objects are."
  value       = aws_s3_bucket.objects.bucket
}
