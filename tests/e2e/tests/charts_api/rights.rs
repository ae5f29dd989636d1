//! Rights and admission policies: what each may do, and what it may not.

use serde_json::json;
use vrsky_e2e::chart::NAMESPACE;
use vrsky_e2e::cluster::Kubectl;
use vrsky_e2e::eventually;

use crate::installed::{
    Installed, OURS, changed, config_like, flow, labels, metadata, runtime, tenant,
};
use crate::{apply, refused, try_apply};

#[test]
fn who_may_do_what() {
    let it = Installed::new();
    the_operator_stays_within_its_bounds(&it);
    tenants_do_not_wear_the_operators_labels(&it);
    finalizers_stay_until_nats_is_cleared(&it);
    tenants_have_the_rights_of_their_roles(&it);
}

fn the_operator_stays_within_its_bounds(it: &Installed) {
    let operator = &it.operator;
    let mine = [OURS, ("app.kubernetes.io/name", "vrsky-runtime")];

    // What it is for.
    for kind in ["ServiceAccount", "Secret"] {
        try_apply(operator, &config_like(kind, "vrsky-runtime", &mine)).unwrap();
    }
    try_apply(operator, &runtime("vrsky-runtime")).unwrap();
    try_apply(operator, &runtime("vrsky-flow-orders")).unwrap();
    operator
        .run(&[
            "delete",
            "deployment",
            "vrsky-flow-orders",
            "-n",
            "acme",
            "--wait=false",
        ])
        .unwrap();
    try_apply(it.api.kubectl(), &flow("kept")).unwrap();
    let kept = metadata(
        "Flow",
        "kept",
        &json!({"finalizers": ["vrsky.io/finalizer"]}),
    );
    let manager = ["--field-manager=vrsky-operator", "--validate=false"];
    apply(operator, std::slice::from_ref(&kept), &manager).unwrap();
    let none = metadata("Flow", "kept", &json!({}));
    apply(operator, &[none], &manager).unwrap();
    apply(operator, &[kept], &manager).unwrap();

    // Secrets: by this name, and without reading even that.
    refused(
        try_apply(operator, &config_like("Secret", "other", &mine)),
        "cannot patch resource \"secrets\"",
    );
    let mut named = config_like("Secret", "vrsky-runtime", &mine);
    named["metadata"]["namespace"] = json!("kube-system");
    refused(try_apply(operator, &named), "the namespace is reserved");
    for arguments in [
        ["get", "secrets", "-n", "acme"].as_slice(),
        &["get", "secret", "vrsky-runtime", "-n", "acme"],
        &["get", "secrets", "-n", NAMESPACE],
        &["delete", "secret", "vrsky-keys", "-n", NAMESPACE],
    ] {
        let result = operator.run(arguments).map_err(|error| error.to_string());
        refused(result, "secrets");
    }
    // Its own keys it may read: there are none yet.
    let own = operator.run(&["get", "secret", "vrsky-keys", "-n", NAMESPACE]);
    refused(own.map_err(|error| error.to_string()), "not found");

    // Quotas: by this name.
    let quota = |name| {
        let quota = config_like("ResourceQuota", name, &mine);
        changed(quota, "", "spec", json!({"hard": {"pods": "100"}}))
    };
    try_apply(operator, &quota("vrsky-tenant")).unwrap();
    refused(
        try_apply(operator, &quota("other")),
        "cannot patch resource \"resourcequotas\"",
    );

    // What others share with a tenant: by this name, to watch too.
    try_apply(operator, &config_like("ConfigMap", "vrsky-grants", &mine)).unwrap();
    refused(
        try_apply(operator, &config_like("ConfigMap", "other", &mine)),
        "cannot patch resource \"configmaps\"",
    );
    let named = "--field-selector=metadata.name=vrsky-grants";
    operator.run(&["get", "configmaps", "-A", named]).unwrap();
    for arguments in [
        ["get", "configmaps", "-A"].as_slice(),
        &["get", "configmaps", "-n", "acme"],
        &["get", "configmap", "kube-root-ca.crt", "-n", "acme"],
    ] {
        let result = operator.run(arguments).map_err(|error| error.to_string());
        refused(result, "configmaps");
    }

    // Names, labels, adoption, pods.
    refused(
        try_apply(operator, &runtime("web")),
        "named vrsky-grants, vrsky-runtime, vrsky-support, vrsky-tenant or",
    );
    let bare = changed(runtime("vrsky-flow-bare"), "/metadata", "labels", json!({}));
    refused(try_apply(operator, &bare), "is not VRSky's");
    let theirs = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "vrsky-flow-theirs", "namespace": "acme"},
        "spec": {"ports": [{"port": 80}]},
    });
    try_apply(&it.tenant, &theirs).unwrap();
    let taken = changed(theirs, "/metadata", "labels", labels(&[OURS]));
    refused(try_apply(operator, &taken), "is not VRSky's");
    let deleted = operator.run(&["delete", "service", "vrsky-flow-theirs", "-n", "acme"]);
    refused(deleted.map_err(|error| error.to_string()), "is not VRSky's");
    let pod = "/spec/template/spec";
    let hostly = changed(runtime("vrsky-flow-x"), pod, "hostNetwork", json!(true));
    refused(try_apply(operator, &hostly), "a runtime's pod");
    let volumes = json!([{"name": "host", "hostPath": {"path": "/"}}]);
    let reaching = changed(runtime("vrsky-flow-x"), pod, "volumes", volumes);
    refused(try_apply(operator, &reaching), "a runtime's pod");
    let token = changed(
        runtime("vrsky-flow-x"),
        pod,
        "automountServiceAccountToken",
        json!(true),
    );
    refused(try_apply(operator, &token), "a runtime's pod");

    // What tenants say stays as they said it.
    let changed = changed(flow("kept"), "/spec", "suspend", json!(true));
    refused(
        try_apply(operator, &changed),
        "the operator never writes spec",
    );
    refused(
        try_apply(operator, &flow("new")),
        "cannot create resource \"flows\"",
    );
}

fn tenants_do_not_wear_the_operators_labels(it: &Installed) {
    let tenant = &it.tenant;
    let own = |list: &[(&str, &str)]| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "acme"},
            "spec": {
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": labels(&[&[("app", "web")], list].concat())},
                    "spec": {"containers": [{"name": "web", "image": "web"}]},
                },
            },
        })
    };
    // Their own labels, and `managed-by` of others, are theirs.
    try_apply(tenant, &own(&[("app.kubernetes.io/managed-by", "Helm")])).unwrap();
    let word = "are set and removed by the VRSky operator alone";
    let forged =
        |kind: &str, list: &[(&str, &str)]| try_apply(tenant, &config_like(kind, "forged", list));
    for list in [
        [OURS],
        [("vrsky.io/tenant", "acme")],
        [("vrsky.io/anything", "")],
    ] {
        refused(forged("Secret", &list), word);
        refused(forged("ServiceAccount", &list), word);
        refused(
            try_apply(tenant, &own(&list)),
            "a pod template may not carry",
        );
    }
    let pod = changed(
        config_like("Pod", "forged", &[OURS]),
        "",
        "spec",
        json!({"containers": [{"name": "it", "image": "it"}]}),
    );
    refused(try_apply(tenant, &pod), word);
    let run = |arguments: &[&str]| tenant.run(arguments).map_err(|error| error.to_string());
    let label = "app.kubernetes.io/managed-by=vrsky";
    refused(
        run(&[
            "label",
            "deployment",
            "web",
            "-n",
            "acme",
            "--overwrite",
            label,
        ]),
        word,
    );
    let job = json!({
        "apiVersion": "batch/v1", "kind": "CronJob",
        "metadata": {"name": "forged", "namespace": "acme"},
        "spec": {"schedule": "@daily", "jobTemplate": {"spec": {"template": {
            "metadata": {"labels": labels(&[OURS])},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "it", "image": "it"}]},
        }}}},
    });
    refused(try_apply(tenant, &job), "a pod template may not carry");

    // What is the operator's is not changed, save for restarts and deletion.
    let unlabel = "app.kubernetes.io/managed-by-";
    refused(
        run(&[
            "label",
            "deployment",
            "vrsky-runtime",
            "-n",
            "acme",
            unlabel,
        ]),
        word,
    );
    let mine = "the VRSky operator owns this object";
    let image = [
        "set",
        "image",
        "deployment/vrsky-runtime",
        "runtime=other",
        "-n",
        "acme",
    ];
    refused(run(&image), mine);
    let stolen = json!({"stringData": {"nats.creds": "others"}}).to_string();
    let secret = [
        "patch",
        "secret",
        "vrsky-runtime",
        "-n",
        "acme",
        "-p",
        &stolen,
    ];
    refused(run(&secret), mine);
    run(&[
        "rollout",
        "restart",
        "deployment/vrsky-runtime",
        "-n",
        "acme",
    ])
    .unwrap();
    run(&[
        "scale",
        "deployment/vrsky-runtime",
        "-n",
        "acme",
        "--replicas=2",
    ])
    .unwrap();
    run(&[
        "delete",
        "deployment",
        "vrsky-runtime",
        "-n",
        "acme",
        "--dry-run=server",
    ])
    .unwrap();

    // Not even whoever may write Tenants: a GitOps controller often may.
    let forged = config_like("Secret", "forged", &[OURS]);
    refused(try_apply(it.api.kubectl(), &forged), word);
}

fn finalizers_stay_until_nats_is_cleared(it: &Installed) {
    let patch = json!({"metadata": {"finalizers": null}}).to_string();
    let drop = |user: &Kubectl| {
        let arguments = [
            "patch",
            "flow",
            "kept",
            "-n",
            "acme",
            "--type=merge",
            "-p",
            &patch,
        ];
        user.run(&arguments).map_err(|error| error.to_string())
    };
    refused(drop(&it.tenant), "vrsky finalize --force");
    // Everything else of the object stays the tenant's, deletion included.
    let mut edited = flow("kept");
    edited["spec"]["suspend"] = json!(true);
    try_apply(&it.tenant, &edited).unwrap();
    let delete = ["delete", "flow", "kept", "-n", "acme", "--wait=false"];
    it.tenant.run(&delete).unwrap();
    refused(drop(&it.tenant), "vrsky finalize --force");
    drop(&it.platform).unwrap();
    eventually("the flow is gone", || {
        it.tenant
            .run(&["get", "flow", "kept", "-n", "acme"])
            .is_err()
    });
}

fn tenants_have_the_rights_of_their_roles(it: &Installed) {
    let grant = changed(
        metadata("Grant", "orders", &json!({})),
        "",
        "spec",
        json!({"to": {"tenant": "globex"}, "topic": "orders"}),
    );
    try_apply(&it.editor, &flow("edited")).unwrap();
    refused(
        try_apply(&it.editor, &grant),
        "cannot patch resource \"grants\"",
    );
    try_apply(&it.tenant, &grant).unwrap();
    refused(
        try_apply(&it.tenant, &tenant(&["acme"])),
        "cannot patch resource \"tenants\"",
    );
    let status = [
        "patch",
        "flow",
        "edited",
        "-n",
        "acme",
        "--subresource=status",
        "--type=merge",
    ];
    let forged = [
        &status[..],
        &["-p", r#"{"status": {"observedGeneration": 1}}"#],
    ]
    .concat();
    let result = it.tenant.run(&forged).map_err(|error| error.to_string());
    refused(result, "flows/status");

    try_apply(&it.platform, &tenant(&["acme", "acme-test"])).unwrap();
    for namespace in ["kube-system", "default", NAMESPACE] {
        let wanted = format!("reserved for the cluster or for VRSky itself: {namespace}");
        refused(
            try_apply(&it.platform, &tenant(&["acme", namespace])),
            &wanted,
        );
    }
}
