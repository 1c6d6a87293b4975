"""AWS EC2, of which moto tells the machines there are, with a machine of ours as the one that Lithops is to use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.backends.machine import ADDRESS, Machine
from tests.backends.moto_server import Moto

#: Of the machine: one that it can listen at is no address of AWS's.
_NETWORK = "127.0.0.0/24"
#: By which the world reaches it. AWS has another than the network's for that.
_PUBLIC = "203.0.113.1"


class Ec2(Moto):
    """AWS EC2, with one machine."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._instance: str | None = None

    def instance(self) -> str:
        """Return the id of the machine, which is made if there is none yet."""
        if self._instance is None:
            ec2 = self.client("ec2")
            vpc = ec2.create_vpc(CidrBlock=_NETWORK)["Vpc"]["VpcId"]
            subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=_NETWORK)["Subnet"]["SubnetId"]
            image = ec2.describe_images()["Images"][0]["ImageId"]
            tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "a-machine"}]}]
            (made,) = ec2.run_instances(
                **{"ImageId": image, "MinCount": 1, "MaxCount": 1, "InstanceType": "t3.medium"},
                **{"SubnetId": subnet, "PrivateIpAddress": ADDRESS, "TagSpecifications": tags},
            )["Instances"]
            self._instance = str(made["InstanceId"])
            ec2.allocate_address(Domain="vpc", Address=_PUBLIC)
            ec2.associate_address(InstanceId=self._instance, PublicIp=_PUBLIC)
        return self._instance


def config(server: Ec2, machine: Machine) -> dict[str, Any]:
    """
    Return the sections of a configuration.

    :param server: is up
    :param machine: is up
    """
    settings = machine.config()
    del settings["ip_address"]
    return {**server.config(), "aws_ec2": {**settings, "instance_id": server.instance(), "exec_mode": "consume"}}
