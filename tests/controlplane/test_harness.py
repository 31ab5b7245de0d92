def test_x(controlplane, namespace):
    controlplane.kubectl(
        "create",
        "-n",
        namespace,
        "-f",
        "-",
        stdin='{"apiVersion":"imagejobs.dev/v1alpha1","kind":"ImageJob","metadata":{"name":"a"},"spec":{"items":[{"key":"a/b"}]}}',
    )
    print(controlplane.kubectl("get", "ij", "-A", "-o", "yaml"))
    print(controlplane.kubectl("get", "ij", "-A", "-o", "wide"))
    print(controlplane.kubectl("explain", "imagejob.spec"))
