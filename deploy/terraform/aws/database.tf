# The truth. Encrypted, with a standby, kept for var.backup_days, and not removed by mistake.

resource "aws_db_subnet_group" "plant" {
  name       = var.name
  subnet_ids = aws_subnet.private[*].id
}

resource "aws_db_parameter_group" "plant" {
  name   = "${var.name}-17"
  family = "postgres17"

  # Nobody comes in without TLS.
  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
}

resource "aws_db_instance" "plant" {
  identifier     = var.name
  engine         = "postgres"
  engine_version = "17"
  instance_class = var.database_class

  db_name             = "nightshift"
  username            = "nightshift"
  password_wo         = ephemeral.random_password.database.result
  password_wo_version = var.secrets_version

  storage_type          = "gp3"
  allocated_storage     = var.database_gib
  max_allocated_storage = var.database_gib * 5
  storage_encrypted     = true

  multi_az               = var.database_multi_az
  db_subnet_group_name   = aws_db_subnet_group.plant.name
  parameter_group_name   = aws_db_parameter_group.plant.name
  vpc_security_group_ids = [aws_security_group.database.id]
  publicly_accessible    = false

  backup_retention_period   = var.backup_days
  backup_window             = "18:00-19:00"
  maintenance_window        = "sun:19:30-sun:20:30"
  copy_tags_to_snapshot     = true
  deletion_protection       = true
  skip_final_snapshot       = false
  final_snapshot_identifier = "${var.name}-last"

  auto_minor_version_upgrade      = true
  performance_insights_enabled    = true
  enabled_cloudwatch_logs_exports = ["postgresql"]
}
