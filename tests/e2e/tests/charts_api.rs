//! The charts on a real API server: it takes every rendering, the pods pass the restricted profile, and
//! rights and admission policies hold for tenants, platform administrators and the operator itself.
#![allow(
    clippy::similar_names,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs
)]

use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vrsky_e2e::chart::{self, NAMESPACE};
use vrsky_e2e::cluster::{Api, Kubectl};
use vrsky_e2e::program;

const SOON: Duration = Duration::from_mins(1);

/// Applies by the server, as the operator and as GitOps controllers do; the answer, or the refusal.
fn apply(kubectl: &Kubectl, objects: &[Value], more: &[&str]) -> Result<String, String> {
    let mut file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    for object in objects {
        writeln!(file, "{object}").unwrap();
    }
    let path = file.path().to_str().unwrap();
    let mut arguments = vec!["apply", "--server-side", "--force-conflicts", "-f", path];
    arguments.extend(more);
    kubectl.run(&arguments).map_err(|error| error.to_string())
}

fn try_apply(kubectl: &Kubectl, object: &Value) -> Result<String, String> {
    apply(kubectl, std::slice::from_ref(object), &[])
}

/// It is refused, and the refusal says `why`.
fn refused(result: Result<String, String>, why: &str) {
    let error = result.expect_err(why);
    assert!(error.contains(why), "not {why:?}: {error}");
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < SOON, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn values() -> [Vec<String>; 3] {
    let file = |path: PathBuf| vec!["--values".to_owned(), path.to_str().unwrap().to_owned()];
    [
        Vec::new(),
        file(chart::folder("vrsky").join("values-production.yaml")),
        file(program::repository().join("tests/e2e/values/everything.yaml")),
    ]
}

fn kinds(kubectl: &Kubectl) {
    let kinds = program::repository().join("charts/vrsky-crds/templates");
    kubectl.apply_files(&kinds).unwrap();
    let all = ["--for=condition=Established", "crd", "--all"];
    kubectl.wait(&all, SOON).unwrap();
}

/// Of an object that makes pods, such a pod.
fn pod(object: &Value) -> Option<Value> {
    let template = object.pointer("/spec/template")?;
    let mut pod = template.clone();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = object["metadata"]["name"].clone();
    pod["metadata"]["namespace"] = object["metadata"]["namespace"].clone();
    // A StatefulSet adds its claims; a StatefulSet's pod without them is no pod.
    let claims = object.pointer("/spec/volumeClaimTemplates");
    for claim in claims.and_then(Value::as_array).into_iter().flatten() {
        let name = &claim["metadata"]["name"];
        let volume = json!({"name": name, "persistentVolumeClaim": {"claimName": name}});
        pod["spec"]["volumes"].as_array_mut().unwrap().push(volume);
    }
    Some(pod)
}

#[test]
fn an_api_server_takes_every_rendering_and_the_pods_pass_the_restricted_profile() {
    let api = Api::start().unwrap();
    let kubectl = api.kubectl();
    kinds(kubectl);
    for namespace in [NAMESPACE, "loose"] {
        kubectl.run(&["create", "namespace", namespace]).unwrap();
    }
    let label = "pod-security.kubernetes.io/enforce=restricted";
    kubectl
        .run(&["label", "namespace", NAMESPACE, label])
        .unwrap();
    let class = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "platform"}, "value": 1});
    try_apply(kubectl, &class).unwrap();

    let mut renderings: Vec<String> = values()
        .iter()
        .map(|arguments| {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            chart::render("vrsky", &arguments).unwrap()
        })
        .collect();
    let servers = program::repository().join("deploy/nats-production.yaml");
    renderings.push(std::fs::read_to_string(servers).unwrap());
    let mut pods = 0;
    for rendering in renderings {
        let mut objects = chart::documents(&rendering).unwrap();
        // The Prometheus operator's kinds are not here.
        objects.retain(|it| it["apiVersion"] != "monitoring.coreos.com/v1");
        apply(kubectl, &objects, &["--dry-run=server"]).unwrap();
        for pod in objects.iter().filter_map(pod) {
            pods += 1;
            apply(kubectl, &[pod], &["--dry-run=server"]).unwrap();
        }
    }
    // Operator and uninstallation three times; the server of the chart twice, and the other set.
    assert_eq!(pods, 9);

    // The profile is enforced: a pod that asks for more is refused.
    let greedy = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "greedy", "namespace": NAMESPACE},
        "spec": {"containers": [{"name": "it", "image": "it"}]},
    });
    refused(try_apply(kubectl, &greedy), "violates PodSecurity");
}

/// A cluster with the product installed as `deploy/vrsky.yaml` does it, and a namespace.
struct Installed {
    api: Api,
    /// Administers the namespace `acme`.
    tenant: Kubectl,
    /// Edits there.
    editor: Kubectl,
    /// May write Tenants.
    platform: Kubectl,
    /// The operator's service account.
    operator: Kubectl,
}

impl Installed {
    fn new() -> Self {
        let api = Api::with_controllers().unwrap();
        let kubectl = api.kubectl();
        let manifests = program::repository().join("deploy/vrsky.yaml");
        kubectl.apply_files(&manifests).unwrap();
        kubectl.run(&["create", "namespace", "acme"]).unwrap();
        let bind = |kind: &str, role: &str, user: &str| {
            let (role, user) = (format!("--clusterrole={role}"), format!("--user={user}"));
            let name = user.trim_start_matches("--user=");
            let mut arguments = vec!["create", kind, name, &role, &user];
            if kind == "rolebinding" {
                arguments.extend(["-n", "acme"]);
            }
            kubectl.run(&arguments).unwrap();
        };
        bind("rolebinding", "admin", "tessa");
        bind("rolebinding", "edit", "edith");
        bind("clusterrolebinding", "vrsky-platform", "paula");
        let user = |name| kubectl.as_user(name, &[]).unwrap();
        let groups = [
            "system:serviceaccounts",
            "system:serviceaccounts:vrsky-system",
        ];
        let operator = "system:serviceaccount:vrsky-system:vrsky-operator";
        let installed = Self {
            tenant: user("tessa"),
            editor: user("edith"),
            platform: user("paula"),
            operator: kubectl.as_user(operator, &groups).unwrap(),
            api,
        };
        installed.settle();
        installed
    }

    /// Waits until aggregated roles and all policies are in force.
    fn settle(&self) {
        let admin = self.api.kubectl();
        eventually("roles aggregate", || {
            let may = |user: &Kubectl, what| {
                user.run(&["auth", "can-i", "create", what, "-n", "acme"])
                    .is_ok()
            };
            may(&self.editor, "flows.vrsky.io") && may(&self.tenant, "grants.vrsky.io")
        });
        let dry =
            |kubectl: &Kubectl, object: Value| apply(kubectl, &[object], &["--dry-run=server"]);
        let is_denied = |result: Result<String, String>| {
            result.is_err_and(|error| error.contains("ValidatingAdmissionPolicy"))
        };
        eventually("the labels' policy is in force", || {
            is_denied(dry(
                admin,
                config_like("Secret", "forged", &[("vrsky.io/tenant", "acme")]),
            ))
        });
        eventually("the Tenants' policy is in force", || {
            is_denied(dry(admin, tenant(&["kube-system"])))
        });
        eventually("the operator's policy is in force", || {
            is_denied(dry(
                &self.operator,
                config_like("ServiceAccount", "vrsky-runtime", &[]),
            ))
        });
        // Each is read by the API server at its own time: the last two are tried on real objects.
        try_apply(admin, &flow("probe")).unwrap();
        let mut kept = flow("probe");
        kept["metadata"]["finalizers"] = json!(["vrsky.io/finalizer"]);
        eventually("the policy on specs is in force", || {
            let mut changed = flow("probe");
            changed["spec"]["suspend"] = json!(true);
            is_denied(dry(&self.operator, changed))
        });
        try_apply(admin, &kept).unwrap();
        eventually("the finalizers' policy is in force", || {
            let patch = json!({"metadata": {"finalizers": null}}).to_string();
            let arguments = [
                "patch",
                "flow",
                "probe",
                "-n",
                "acme",
                "--type=merge",
                "--dry-run=server",
                "-p",
                &patch,
            ];
            let result = self
                .tenant
                .run(&arguments)
                .map_err(|error| error.to_string());
            is_denied(result)
        });
    }
}

fn metadata(kind: &str, name: &str, metadata: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "vrsky.io/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "acme"},
    });
    for (field, value) in metadata.as_object().unwrap() {
        object["metadata"][field] = value.clone();
    }
    object
}

fn flow(name: &str) -> Value {
    let mut flow = metadata("Flow", name, &json!({}));
    flow["spec"] = json!({
        "source": {"connector": "generate", "with": {"every": "1s"}},
        "sinks": {"all": {"connector": "log"}},
    });
    flow
}

fn tenant(namespaces: &[&str]) -> Value {
    json!({
        "apiVersion": "vrsky.io/v1alpha1",
        "kind": "Tenant",
        "metadata": {"name": "acme"},
        "spec": {"namespaces": namespaces},
    })
}

fn labels(list: &[(&str, &str)]) -> Value {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// An object of the core group that has no `spec`.
fn config_like(kind: &str, name: &str, list: &[(&str, &str)]) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "acme", "labels": labels(list)},
    })
}

const OURS: (&str, &str) = ("app.kubernetes.io/managed-by", "vrsky");

/// What the operator makes, as far as policies look at it.
fn runtime(name: &str) -> Value {
    let mine = labels(&[
        OURS,
        ("app.kubernetes.io/name", "vrsky-runtime"),
        ("vrsky.io/tenant", "acme"),
    ]);
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "acme", "labels": mine},
        "spec": {
            "selector": {"matchLabels": labels(&[OURS])},
            "template": {
                "metadata": {"labels": mine},
                "spec": {
                    "serviceAccountName": "vrsky-runtime",
                    "automountServiceAccountToken": false,
                    "containers": [{"name": "runtime", "image": "runtime"}],
                    "volumes": [
                        {"name": "nats", "secret": {"secretName": "vrsky-runtime"}},
                        {"name": "secrets", "projected": {"sources": []}},
                        {"name": "data", "emptyDir": {}},
                    ],
                },
            },
        },
    })
}

fn changed(mut object: Value, pointer: &str, field: &str, value: Value) -> Value {
    object.pointer_mut(pointer).unwrap()[field] = value;
    object
}

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

    // Names, labels, adoption, pods.
    refused(
        try_apply(operator, &runtime("web")),
        "named vrsky-runtime, vrsky-support, vrsky-tenant or",
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
