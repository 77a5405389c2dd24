# Two zones, each with a public subnet for the load balancer, and a private one for the plant and its database.

data "aws_availability_zones" "here" {
  state = "available"
}

locals {
  zones = slice(data.aws_availability_zones.here.names, 0, 2)
}

resource "aws_vpc" "plant" {
  cidr_block           = var.vpc_cidr
  enable_dns_hostnames = true

  tags = { Name = var.name }
}

# Whatever names no group of its own gets this one: it lets nothing in and nothing out.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.plant.id
}

resource "aws_subnet" "public" {
  count             = 2
  vpc_id            = aws_vpc.plant.id
  availability_zone = local.zones[count.index]
  cidr_block        = cidrsubnet(var.vpc_cidr, 8, count.index)

  tags = { Name = "${var.name}-public-${count.index}" }
}

resource "aws_subnet" "private" {
  count             = 2
  vpc_id            = aws_vpc.plant.id
  availability_zone = local.zones[count.index]
  cidr_block        = cidrsubnet(var.vpc_cidr, 8, count.index + 10)

  tags = { Name = "${var.name}-private-${count.index}" }
}

resource "aws_internet_gateway" "plant" {
  vpc_id = aws_vpc.plant.id
}

resource "aws_eip" "nat" {
  domain = "vpc"
}

# The way out for the image, secrets and objects; nothing comes in by it.
resource "aws_nat_gateway" "plant" {
  allocation_id = aws_eip.nat.id
  subnet_id     = aws_subnet.public[0].id

  depends_on = [aws_internet_gateway.plant]
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.plant.id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.plant.id
  }
}

resource "aws_route_table" "private" {
  vpc_id = aws_vpc.plant.id

  route {
    cidr_block     = "0.0.0.0/0"
    nat_gateway_id = aws_nat_gateway.plant.id
  }
}

resource "aws_route_table_association" "public" {
  count          = 2
  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table_association" "private" {
  count          = 2
  subnet_id      = aws_subnet.private[count.index].id
  route_table_id = aws_route_table.private.id
}

# Objects do not go through the NAT gateway.
resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.plant.id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.private.id]
}
