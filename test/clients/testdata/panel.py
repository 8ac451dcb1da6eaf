"""What Horizon's panel (magnum-ui 11) sends through magnumclient: microversion
1.10, an address and a token in place of a session, every value as text, and ""
for what the form leaves empty."""
import os
import sys

import openstack
from magnumclient.v1 import client, cluster_templates, clusters

login = openstack.connect()
magnum = client.Client(input_auth_token=login.auth_token, magnum_url=os.environ["URL"] + "/v1", api_version="1.10")


def form(attributes, **given):
    sent = {a: "" if given.get(a) is None else str(given[a]) for a in attributes if a not in ("labels", "uuid")}
    sent["labels"] = given.get("labels", {})
    return sent


def template():
    sent = form(cluster_templates.CREATION_ATTRIBUTES, name="panel", coe="kubernetes", image_id="sim", flavor_id="small",
                master_flavor_id="small", public=False, tls_disabled=False, registry_enabled=False, server_type="vm",
                master_lb_enabled=False, floating_ip_enabled=True, docker_volume_size=5, hidden=False, labels={"team": "physics"})
    made = magnum.cluster_templates.create(**sent)
    print("made", made.name, made.docker_volume_size, made.floating_ip_enabled, made.public, made.labels, made.dns_nameserver)
    patch = [{"op": "replace", "path": "/docker_volume_size", "value": "6"}, {"op": "replace", "path": "/labels", "value": "{'team': 'lab'}"},
             {"op": "replace", "path": "/floating_ip_enabled", "value": "False"}, {"op": "remove", "path": "/http_proxy"}]
    changed = magnum.cluster_templates.update("panel", patch)
    print("changed", changed.docker_volume_size, changed.floating_ip_enabled, changed.labels)
    print("listed", [t.name for t in magnum.cluster_templates.list(None, None, None, None, True)])


def cluster():
    made = magnum.clusters.create(**form(clusters.CREATION_ATTRIBUTES, name="panel1", master_count=1, node_count=1, create_timeout=60,
                                         cluster_template_id=magnum.cluster_templates.get("panel").uuid, merge_labels=True,
                                         labels={"note": "hello"}, floating_ip_enabled=False))
    print("made", made.uuid)
    shown = magnum.clusters.get(made.uuid)
    print("shown", shown.name, shown.labels, shown.keypair, shown.floating_ip_enabled, shown.node_count)


def change():
    magnum.clusters.update("panel1", [{"op": "replace", "path": "/node_count", "value": "2"}], rollback=False)
    print("listed", [(c.name, c.node_count) for c in magnum.clusters.list(None, None, None, None, True)])


def resize():
    magnum.clusters.resize("panel1", 1, nodes_to_remove=[], nodegroup=None)
    print("resized", magnum.clusters.get("panel1").node_count)


def certificates():
    uuid = magnum.clusters.get("panel1").uuid
    print("authority", magnum.certificates.get(uuid).pem)
    with open("admin.csr") as csr:
        print("signed", magnum.certificates.create(cluster_uuid=uuid, csr=csr.read()).pem)


def figures():
    project = login.current_project_id
    stats, quota = magnum.stats.list(project_id=project), magnum.quotas.get(project, "Cluster")
    print("figures", stats.clusters, stats.nodes, quota.hard_limit)


def delete():
    magnum.clusters.delete("panel1")


globals()[sys.argv[1]]()
