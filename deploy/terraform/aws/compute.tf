# One machine: Nightshift is one process. What must stay is in the database, the bucket and the secrets, so a machine that is
# lost is replaced by another one, in either zone.

data "aws_ssm_parameter" "image" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

data "aws_caller_identity" "here" {}

data "aws_iam_policy_document" "machine" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "plant" {
  statement {
    sid       = "Secrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [for secret in aws_secretsmanager_secret.plant : secret.arn]
  }

  statement {
    sid       = "Objects"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = ["${aws_s3_bucket.objects.arn}/*"]
  }

  statement {
    sid       = "Listing"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.objects.arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.plant.arn}:*"]
  }
}

resource "aws_iam_role" "plant" {
  name_prefix        = "${var.name}-"
  assume_role_policy = data.aws_iam_policy_document.machine.json
}

resource "aws_iam_role_policy" "plant" {
  name   = "plant"
  role   = aws_iam_role.plant.id
  policy = data.aws_iam_policy_document.plant.json
}

resource "aws_iam_role_policy_attachment" "plant" {
  for_each = toset([
    "AmazonEC2ContainerRegistryReadOnly",
    # A shell for administrators without a port: aws ssm start-session.
    "AmazonSSMManagedInstanceCore",
  ])
  role       = aws_iam_role.plant.name
  policy_arn = "arn:aws:iam::aws:policy/${each.key}"
}

resource "aws_iam_instance_profile" "plant" {
  name_prefix = "${var.name}-"
  role        = aws_iam_role.plant.name
}

resource "aws_cloudwatch_log_group" "plant" {
  name              = "/${var.name}"
  retention_in_days = 90
}

resource "aws_launch_template" "plant" {
  name_prefix   = "${var.name}-"
  image_id      = data.aws_ssm_parameter.image.insecure_value
  instance_type = var.instance_type

  vpc_security_group_ids = [aws_security_group.plant.id]

  iam_instance_profile {
    arn = aws_iam_instance_profile.plant.arn
  }

  # Only programs that speak version 2, on the machine itself, get its credentials.
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type = "gp3"
      volume_size = 30
      encrypted   = true
    }
  }

  user_data = base64encode(templatefile("${path.module}/start.sh.tftpl", {
    name            = var.name
    region          = var.region
    image           = var.image
    registry        = "${data.aws_caller_identity.here.account_id}.dkr.ecr.${var.region}.amazonaws.com"
    bucket          = aws_s3_bucket.objects.bucket
    log_group       = aws_cloudwatch_log_group.plant.name
    secret_names    = join(" ", local.secret_names)
    trusted_proxies = join(",", aws_subnet.public[*].cidr_block)
  }))

  tag_specifications {
    resource_type = "instance"
    tags          = { Name = var.name }
  }
}

resource "aws_autoscaling_group" "plant" {
  name                      = var.name
  min_size                  = 1
  max_size                  = 1
  vpc_zone_identifier       = aws_subnet.private[*].id
  target_group_arns         = [aws_lb_target_group.plant.arn]
  health_check_type         = "ELB"
  health_check_grace_period = 600

  launch_template {
    id      = aws_launch_template.plant.id
    version = aws_launch_template.plant.latest_version
  }

  # Never two at once: the old one ends before the new one starts.
  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage = 0
      max_healthy_percentage = 100
    }
  }

  depends_on = [
    aws_secretsmanager_secret_version.database_url,
    aws_secretsmanager_secret_version.admin_password,
    aws_secretsmanager_secret_version.jwt_key,
    aws_secretsmanager_secret_version.audit_key,
    aws_secretsmanager_secret_version.fleet_secret,
    aws_iam_role_policy.plant,
    aws_iam_role_policy_attachment.plant,
    aws_route_table_association.private,
  ]
}
