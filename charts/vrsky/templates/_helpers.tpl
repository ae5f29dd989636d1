{{/* Labels of every object. Call with (dict "root" $ "name" "vrsky-operator"). */}}
{{- define "vrsky.labels" -}}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
app.kubernetes.io/part-of: vrsky
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{ include "vrsky.selector" . }}
{{- end }}

{{/* What selects its pods. */}}
{{- define "vrsky.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{/* An image. Call with (dict "root" $ "image" .Values.operator.image). */}}
{{- define "vrsky.image" -}}
{{- $where := printf "%s/%s" (.root.Values.image.registry | trimSuffix "/") .image.name -}}
{{- if .image.digest -}}
{{ $where }}@{{ .image.digest }}
{{- else -}}
{{ $where }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "vrsky.natsUrl" -}}
{{- if .Values.nats.url -}}
{{ .Values.nats.url }}
{{- else if .Values.nats.enabled -}}
nats://vrsky-nats.{{ .Release.Namespace }}.svc:4222
{{- else -}}
{{- fail "nats.url: the address of your NATS servers is required where nats.enabled is false, e.g. --set nats.url=nats://nats.vrsky-system.svc:4222" -}}
{{- end -}}
{{- end }}

{{/* The operator's user name, as admission sees it. */}}
{{- define "vrsky.operatorUser" -}}
system:serviceaccount:{{ .Release.Namespace }}:vrsky-operator
{{- end }}

{{/* The restricted profile. */}}
{{- define "vrsky.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "vrsky.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Where a pod may run. Call with the component's values. */}}
{{- define "vrsky.scheduling" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{- define "vrsky.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* operator.yaml: the file that the operator reads. */}}
{{- define "vrsky.config" -}}
nats:
  url: {{ include "vrsky.natsUrl" . | quote }}
  {{- with .Values.nats.namespace | default (.Values.nats.enabled | ternary .Release.Namespace "") }}
  namespace: {{ . }}
  {{- end }}
  {{- if and .Values.nats.enabled (ne (int .Values.nats.replicas) 1) }}
  {{- fail "nats.replicas: one server keeps one copy; for three, run servers of your own (nats.enabled=false, nats.url), see docs/operations.md" }}
  {{- end }}
  replicas: {{ .Values.nats.replicas }}
  {{- if .Values.nats.enabled }}
  server:
    storeDir: /data
    maxFileStore: {{ .Values.nats.maxFileStore }}
    maxMemoryStore: {{ .Values.nats.maxMemoryStore }}
  {{- end }}
runtime:
  image: {{ include "vrsky.image" (dict "root" $ "image" .Values.runtime.image) }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  resources:
    {{- toYaml .Values.runtime.resources | nindent 4 }}
  {{- with .Values.runtime.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.runtime.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.runtime.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.runtime.env }}
  env:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.caCertificates }}
  caCertificates: |
    {{- . | trim | nindent 4 }}
  {{- end }}
{{- with .Values.webhooks }}
{{- if and (or .ingress.enabled .httpRoute.enabled) (not (regexMatch "^https?://[^/]+$" .url)) }}
{{- fail "webhooks.ingress, webhooks.httpRoute: the host is that of webhooks.url, which must be an address without a path, e.g. --set webhooks.url=https://hooks.example.com" }}
{{- end }}
{{- if .url }}
webhooks:
  url: {{ .url | quote }}
  {{- if .ingress.enabled }}
  ingress:
    {{- with .ingress.className }}
    className: {{ . }}
    {{- end }}
    {{- with .ingress.annotations }}
    annotations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .ingress.tlsSecret }}
    tlsSecret: {{ . }}
    {{- end }}
    {{- if not (or .ingress.className .ingress.annotations .ingress.tlsSecret) }}
    {}
    {{- end }}
  {{- end }}
  {{- if .httpRoute.enabled }}
  {{- if not .httpRoute.parentRefs }}
  {{- fail "webhooks.httpRoute.parentRefs: which Gateway, e.g. --set webhooks.httpRoute.parentRefs[0].name=public" }}
  {{- end }}
  httpRoute:
    parentRefs:
      {{- toYaml .httpRoute.parentRefs | nindent 6 }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}
