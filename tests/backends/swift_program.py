"""
All servers of OpenStack Swift in one process: proxy, account, container and object server with one device.

    python swift_program.py FOLDER PROJECT:USER:PASSWORD:REGION PROXY_PORT ACCOUNT_PORT CONTAINER_PORT OBJECT_PORT

Runs in an environment of its own. Users and tokens are those of Swift's tempauth; ``/v3/auth/tokens`` gives them to
who asks as one asks Keystone.
"""

import eventlet

eventlet.monkey_patch()

import json  # noqa: E402
import logging  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import eventlet.wsgi  # noqa: E402
from swift.common import utils  # noqa: E402

utils.HASH_PATH_SUFFIX = b"tests"  # instead of /etc/swift/swift.conf's

from swift.account.server import AccountController  # noqa: E402
from swift.common.http_protocol import SwiftHttpProtocol  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.swob import Request, Response  # noqa: E402
from swift.common.wsgi import loadapp  # noqa: E402
from swift.container.server import ContainerController  # noqa: E402
from swift.obj.server import ObjectController  # noqa: E402

PROXY = """
[DEFAULT]
swift_dir = {folder}
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck listing_formats bulk tempauth proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:tempauth]
use = egg:swift#tempauth
user_{project}_{user} = {password} .admin
[filter:bulk]
use = egg:swift#bulk
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:listing_formats]
use = egg:swift#listing_formats
"""


class Cache:
    """What Swift keeps in memcached."""

    def __init__(self):
        self.values = {}

    def get(self, key, *args, **kwargs):
        return self.values.get(key)

    def set(self, key, value, *args, **kwargs):
        self.values[key] = json.loads(json.dumps(value))

    def delete(self, key, *args, **kwargs):
        self.values.pop(key, None)

    def incr(self, key, delta=1, *args, **kwargs):
        self.values[key] = self.values.get(key, 0) + delta
        return self.values[key]


class Proxy:
    """Swift's proxy behind what is Keystone's elsewhere."""

    def __init__(self, proxy, project, region):
        self.proxy = proxy
        self.project = project
        self.region = region
        self.cache = Cache()

    def __call__(self, env, start_response):
        env["swift.cache"] = self.cache
        if env["PATH_INFO"] == "/v3/auth/tokens":
            return self.token(Request(env))(env, start_response)
        return self.proxy(env, start_response)

    def token(self, asked):
        user = json.loads(asked.body)["auth"]["identity"]["password"]["user"]
        login = {"X-Auth-User": f"{self.project}:{user['name']}", "X-Auth-Key": user["password"]}
        request = Request.blank("/auth/v1.0", headers=login, environ={"swift.cache": self.cache})
        request.environ["HTTP_HOST"] = asked.environ["HTTP_HOST"]
        given = request.get_response(self.proxy)
        if given.status_int != 200:
            message = "The request you have made requires authentication."
            return Response(status=401, body=json.dumps({"error": {"code": 401, "message": message}}))
        endpoint = {"region": self.region, "interface": "public", "url": given.headers["X-Storage-Url"]}
        body = {"token": {"catalog": [{"name": "swift", "endpoints": [endpoint]}]}}
        return Response(status=201, headers={"X-Subject-Token": given.headers["X-Auth-Token"]}, body=json.dumps(body))


def serve(app, port):
    log = logging.getLogger("requests")
    sock = eventlet.listen(("127.0.0.1", port))
    eventlet.spawn(eventlet.wsgi.server, sock, app, log, protocol=SwiftHttpProtocol, capitalize_response_headers=False)


def main():
    folder, login, *ports = sys.argv[1:]
    project, user, password, region = login.split(":")
    proxy_port, *server_ports = map(int, ports)
    devices = Path(folder, "devices")
    (devices / "one").mkdir(parents=True)
    conf = {"devices": str(devices), "swift_dir": folder, "mount_check": "false"}
    servers = {"account": AccountController, "container": ContainerController, "object": ObjectController}
    for (name, controller), port in zip(servers.items(), server_ports, strict=True):
        ring = RingBuilder(part_power=2, replicas=1, min_part_hours=0)
        ring.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1, "ip": "127.0.0.1", "port": port, "device": "one"})
        ring.rebalance()
        ring.get_ring().save(str(Path(folder, f"{name}.ring.gz")))
        serve(controller(conf), port)
    Path(folder, "proxy-server.conf").write_text(
        PROXY.format(folder=folder, project=project, user=user, password=password)
    )
    serve(Proxy(loadapp(str(Path(folder, "proxy-server.conf"))), project, region), proxy_port)
    while True:
        eventlet.sleep(3600)


if __name__ == "__main__":
    main()
