locals {
  alarm_actions = var.alarm_topic_arn == "" ? [] : [var.alarm_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "plant_gone" {
  alarm_name          = "${var.name}-gone"
  alarm_description   = "No machine answers the load balancer's health check"
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HealthyHostCount"
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions

  dimensions = {
    LoadBalancer = aws_lb.plant.arn_suffix
    TargetGroup  = aws_lb_target_group.plant.arn_suffix
  }
}

resource "aws_cloudwatch_metric_alarm" "database_full" {
  alarm_name          = "${var.name}-database-full"
  alarm_description   = "The database has less than 10 GiB left"
  namespace           = "AWS/RDS"
  metric_name         = "FreeStorageSpace"
  statistic           = "Minimum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "LessThanThreshold"
  threshold           = 10737418240
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions

  dimensions = {
    DBInstanceIdentifier = aws_db_instance.plant.identifier
  }
}
