{{/* What all pods have in common. */}}

{{/* (list $ "api"), or (list $ "worker" "-faces") for a kind of it. */}}
{{- define "imagejobs.image" -}}
{{- $image := (index . 0).Values.image -}}
{{ with $image.registry }}{{ . }}/{{ end }}imagejobs-{{ index . 1 }}{{ rest . | rest | join "" }}:{{ $image.tag | default (index . 0).Chart.AppVersion }}
{{- with get $image.digests (camelcase (printf "%s%s" (index . 1) (rest . | rest | join "") | replace "-" "_") | untitle) }}@{{ . }}{{ end }}
{{- end }}

{{- define "imagejobs.workerImage" -}}
{{ include "imagejobs.image" (list . "worker" (ternary "-faces" "" .Values.worker.faces)) }}
{{- end }}

{{- define "imagejobs.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "imagejobs.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Settings first, credentials over them. */}}
{{- define "imagejobs.envFrom" -}}
- configMapRef: {name: {{ include "imagejobs.settings" . }}}
{{- range include "imagejobs.secrets" . | fromJsonArray }}
- secretRef: {name: {{ . }}}
{{- end }}
{{- end }}

{{/* A container waits for keys that it names, and not for those of a Secret that is empty still. */}}
{{- define "imagejobs.tryOutEnv" -}}
{{- if .Values.dev.enabled }}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" "REDIS_URL" }}
- name: {{ . }}
  valueFrom: {secretKeyRef: {name: {{ include "imagejobs.devSecret" $ }}, key: {{ . }}}}
{{- end }}
{{- end }}
{{- end }}

{{/*
A rollout follows every change of the settings; a change inside an existing secret needs `kubectl rollout restart`.
(list $ "api" .Values.api.pod)
*/}}
{{- define "imagejobs.podMetadata" -}}
{{- $root := index . 0 -}}
{{- $pod := index . 2 -}}
{{- $own := dict "imagejobs.dev/settings-digest" (printf "%s%s" (include "imagejobs.settingsData" $root) $root.Values.caBundle | sha256sum | trunc 16) -}}
labels: {{- include "imagejobs.labels" (list $root (index . 1) $pod.labels) | nindent 2 }}
annotations: {{- merge $own ($pod.annotations | default dict) | toYaml | nindent 2 }}
{{- end }}

{{/* The same for pods that do not read the settings: those of the try-out lose their images when they are replaced. */}}
{{- define "imagejobs.plainMetadata" -}}
{{- $pod := index . 2 -}}
labels: {{- include "imagejobs.labels" (list (index . 0) (index . 1) $pod.labels) | nindent 2 }}
{{- with $pod.annotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Of Jobs that end. To Argo CD they are hooks: it does not miss one that was deleted after its time. */}}
{{- define "imagejobs.jobAnnotations" -}}
argocd.argoproj.io/hook: Sync
argocd.argoproj.io/hook-delete-policy: BeforeHookCreation
{{- end }}

{{/*
The replicas of a Deployment: (list $ "api" NUMBER SCALED). A scaled one has none of the chart's; yet Helm takes back
what it has set, and the API server then makes it 1. So the number that is there stays in the manifest for as long as
Helm is who owns it: until the scaler has changed it (server-side apply), or always (Helm 3).
*/}}
{{- define "imagejobs.replicas" -}}
{{- $root := index . 0 -}}
{{- if not (index . 3) -}}
replicas: {{ index . 2 }}
{{- else -}}
{{- $live := lookup "apps/v1" "Deployment" $root.Release.Namespace (include "imagejobs.component" (list $root (index . 1))) -}}
{{- $owned := false -}}
{{- range ($live.metadata | default dict).managedFields -}}
{{- if and (hasPrefix "helm" .manager) (or (eq .operation "Update") (hasKey (get .fieldsV1 "f:spec" | default dict) "f:replicas")) -}}
{{- $owned = true -}}
{{- end -}}
{{- end -}}
{{- if $owned -}}
replicas: {{ $live.spec.replicas }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* How a Deployment is rolled out: (list VALUE maxSurge maxUnavailable). Recreate takes no rollingUpdate. */}}
{{- define "imagejobs.strategy" -}}
{{- $given := index . 0 -}}
{{- $type := $given.type | default "RollingUpdate" -}}
type: {{ $type }}
{{- if eq $type "RollingUpdate" }}
rollingUpdate: {{- $given.rollingUpdate | default (dict "maxSurge" (index . 1) "maxUnavailable" (index . 2)) | toYaml | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where pods go: (list $ "api" .Values.api.pod). */}}
{{- define "imagejobs.scheduling" -}}
{{- $root := index . 0 -}}
{{- $pod := index . 2 -}}
{{- with $root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $pod.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  {{- if $pod.topologySpreadConstraints }}
  {{- toYaml $pod.topologySpreadConstraints | nindent 2 }}
  {{- else }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "imagejobs.selector" (list $root (index . 1)) | nindent 8 }}
  {{- end }}
{{- with $pod.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $pod.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- include "imagejobs.morePod" (list $root $pod) }}
{{- end }}

{{/* There is one operator: should its node be lost, another begins after half a minute instead of five. Two at once do no harm. */}}
{{- define "imagejobs.soonElsewhere" -}}
{{- range list "not-ready" "unreachable" }}
- {key: node.kubernetes.io/{{ . }}, operator: Exists, effect: NoExecute, tolerationSeconds: 30}
{{- end }}
{{- end }}

{{/*
What the operator gives every pod of a Job, as JSON; pull secrets come with their service account. By default the pods of
one ImageJob are spread over the nodes, if possible.
*/}}
{{- define "imagejobs.jobPods" -}}
{{- $own := include "imagejobs.selector" (list . "job") | fromYaml -}}
{{- $_ := set $own "app.kubernetes.io/part-of" "imagejobs" -}}
{{- $labels := merge $own (.Values.jobs.pod.labels | default dict) .Values.commonLabels -}}
{{- $of := dict "matchLabels" (dict "app.kubernetes.io/component" "job") -}}
{{- $spread := dict "maxSkew" 1 "topologyKey" "kubernetes.io/hostname" "whenUnsatisfiable" "ScheduleAnyway" -}}
{{- $_ := set $spread "labelSelector" $of -}}
{{- $_ := set $spread "matchLabelKeys" (list "imagejobs.dev/imagejob") -}}
{{- $pod := merge (dict "labels" $labels "imagePullPolicy" .Values.image.pullPolicy) .Values.jobs.pod -}}
{{- if not .Values.jobs.pod.topologySpreadConstraints -}}
{{- $_ := set $pod "topologySpreadConstraints" (list $spread) -}}
{{- end -}}
{{ tpl (toYaml $pod) . | fromYaml | toJson }}
{{- end }}
