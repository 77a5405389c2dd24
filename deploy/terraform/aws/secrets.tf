# Secrets are made in the apply and go straight to Secrets Manager: neither plan nor state holds one. The plant reads them when
# its machine starts. After var.secrets_version was raised, replace the instance.

ephemeral "random_password" "database" {
  length  = 48
  special = false
}

ephemeral "random_password" "admin" {
  length      = 24
  special     = false
  min_lower   = 2
  min_upper   = 2
  min_numeric = 2
}

ephemeral "random_password" "jwt" {
  length  = 64
  special = false
}

ephemeral "random_password" "fleet" {
  length  = 64
  special = false
}

ephemeral "random_password" "audit" {
  length  = 64
  special = false
}

locals {
  secret_names = toset(["database_url", "admin_password", "jwt_key", "audit_key", "fleet_secret"])
}

resource "aws_secretsmanager_secret" "plant" {
  for_each                = local.secret_names
  name                    = "${var.name}/${each.key}"
  recovery_window_in_days = 30
}

resource "aws_secretsmanager_secret_version" "database_url" {
  secret_id = aws_secretsmanager_secret.plant["database_url"].id
  secret_string_wo = join("", [
    "postgres://nightshift:${ephemeral.random_password.database.result}@${aws_db_instance.plant.endpoint}/nightshift",
    "?sslmode=verify-full&sslrootcert=/etc/nightshift/rds.pem",
  ])
  secret_string_wo_version = var.secrets_version
}

resource "aws_secretsmanager_secret_version" "admin_password" {
  secret_id                = aws_secretsmanager_secret.plant["admin_password"].id
  secret_string_wo         = ephemeral.random_password.admin.result
  secret_string_wo_version = 1
}

resource "aws_secretsmanager_secret_version" "jwt_key" {
  secret_id                = aws_secretsmanager_secret.plant["jwt_key"].id
  secret_string_wo         = ephemeral.random_password.jwt.result
  secret_string_wo_version = var.secrets_version
}

resource "aws_secretsmanager_secret_version" "fleet_secret" {
  secret_id                = aws_secretsmanager_secret.plant["fleet_secret"].id
  secret_string_wo         = ephemeral.random_password.fleet.result
  secret_string_wo_version = var.secrets_version
}

# Never renewed: the chain of the audit is made with it.
resource "aws_secretsmanager_secret_version" "audit_key" {
  secret_id                = aws_secretsmanager_secret.plant["audit_key"].id
  secret_string_wo         = ephemeral.random_password.audit.result
  secret_string_wo_version = 1
}
