"""What Ansible's openstack.cloud collection and others ask through openstacksdk."""
import sys

import openstack

cloud = openstack.connect()


def say(what, thing, *fields):
    print(what, *(thing[f] for f in fields))


def template():
    made = cloud.create_cluster_template("sdk", image_id="sim", coe="kubernetes", flavor_id="small",
                                         master_flavor_id="small", labels={"team": "physics"})
    say("made", made, "name", "coe", "labels", "tls_disabled")
    cloud.update_cluster_template("sdk", "replace", docker_volume_size=6)
    say("changed", cloud.get_cluster_template("sdk", detail=True), "name", "docker_volume_size", "labels")
    print("listed", [t.name for t in cloud.list_cluster_templates()])


def cluster():
    made = cloud.create_coe_cluster("sdk1", cloud.get_cluster_template("sdk").uuid, node_count=1, master_count=1)
    say("made", made, "uuid")
    found = cloud.get_coe_cluster("sdk1")
    say("found", found, "name", "node_count", "cluster_template_id")


def change():
    cloud.update_coe_cluster("sdk1", "replace", node_count=2)
    print("listed", [(c.name, c.node_count) for c in cloud.search_coe_clusters("sdk1")])


def certificates():
    uuid = cloud.get_coe_cluster("sdk1")["id"]
    say("authority", cloud.get_coe_cluster_certificate(uuid), "cluster_uuid", "pem")
    with open("admin.csr") as csr:
        say("signed", cloud.sign_coe_cluster_certificate(uuid, csr.read()), "cluster_uuid", "pem")


def delete():
    print("deleted", cloud.delete_coe_cluster("sdk1"), cloud.delete_coe_cluster("nosuch"))


def end():
    print("deleted", cloud.delete_cluster_template("sdk"), cloud.delete_cluster_template("nosuch"))


globals()[sys.argv[1]]()
