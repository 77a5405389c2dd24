variable "name" {
  description = "What everything is called; one for each plant of an account."
  type        = string
  default     = "nightshift"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,20}$", var.name))
    error_message = "3 to 21 of a-z, 0-9 and -, a letter first."
  }
}

variable "region" {
  description = "The region."
  type        = string
  default     = "ap-northeast-2"
}

variable "image" {
  description = "The container image, in ECR: ACCOUNT.dkr.ecr.REGION.amazonaws.com/nightshift:0.1.0"
  type        = string
}

variable "certificate_arn" {
  description = "The certificate (ACM) of the name that people use."
  type        = string
}

variable "allowed_cidrs" {
  description = "Networks that may reach the plant. Nobody by default."
  type        = list(string)
  default     = []
}

variable "vpc_cidr" {
  description = "Addresses of the network, a /16."
  type        = string
  default     = "10.71.0.0/16"
}

variable "instance_type" {
  description = "The machine. Nets run on its CPU, unless it has a GPU and its driver."
  type        = string
  default     = "m7i.large"
}

variable "database_class" {
  description = "The database's machine."
  type        = string
  default     = "db.m7g.large"
}

variable "database_gib" {
  description = "Storage of the database at first, GiB; it grows to five times as much."
  type        = number
  default     = 100
}

variable "database_multi_az" {
  description = "Whether the database has a standby in another zone."
  type        = bool
  default     = true
}

variable "backup_days" {
  description = "Days for which the database can be brought back to any moment."
  type        = number
  default     = 14

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "1 to 35 days."
  }
}

variable "secrets_version" {
  description = "Raise it to make all secrets anew: the next apply sets them, and the instance must be replaced."
  type        = number
  default     = 1
}

variable "alarm_topic_arn" {
  description = "The SNS topic that is told when something is wrong; nobody when empty."
  type        = string
  default     = ""
}
