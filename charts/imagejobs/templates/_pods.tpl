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

{{/* A rollout follows every change of the settings; a change inside an existing secret needs `kubectl rollout restart`. */}}
{{- define "imagejobs.podMetadata" -}}
{{- $root := index . 0 -}}
{{- $pod := index . 2 -}}
labels:
  {{- include "imagejobs.labels" (list $root (index . 1)) | nindent 2 }}
  {{- with $pod.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  imagejobs.dev/settings-digest: {{ printf "%s%s" (include "imagejobs.settingsData" $root) $root.Values.caBundle | sha256sum | trunc 16 }}
  {{- with $pod.annotations }}
  {{- toYaml . | nindent 2 }}
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
{{- end }}

{{/* There is one operator: should its node be lost, another begins after half a minute instead of five. Two at once do no harm. */}}
{{- define "imagejobs.soonElsewhere" -}}
{{- range list "not-ready" "unreachable" }}
- {key: node.kubernetes.io/{{ . }}, operator: Exists, effect: NoExecute, tolerationSeconds: 30}
{{- end }}
{{- end }}

{{/* What the operator gives every pod of a Job, as JSON; pull secrets come with their service account. */}}
{{- define "imagejobs.jobPods" -}}
{{ merge (dict "imagePullPolicy" .Values.image.pullPolicy) .Values.jobs.pod | toJson }}
{{- end }}
