{{/* The Secrets that the chart makes in the release's namespace, as a JSON list; empty where all are given. */}}
{{- define "imagejobs.madeSecrets" -}}
{{- $made := list -}}
{{- if not (or .Values.api.allowAnonymous .Values.api.callers.existingSecret) -}}
{{- $made = list (include "imagejobs.keySecret" .) (include "imagejobs.callersSecret" .) -}}
{{- end -}}
{{- if not .Values.api.watchLinks.existingSecret -}}
{{- $made = append $made (include "imagejobs.watchSecret" .) -}}
{{- end -}}
{{- if .Values.dev.enabled -}}
{{- $made = append $made (include "imagejobs.devSecret" .) -}}
{{- end -}}
{{ $made | toJson }}
{{- end }}

{{/* The Job that fills them. It runs again with each upgrade, because a Secret may have been deleted for a new key. */}}
{{- define "imagejobs.secretsSpec" -}}
backoffLimit: 10
activeDeadlineSeconds: 900
ttlSecondsAfterFinished: {{ .Values.secrets.ttlSeconds }}
template:
  metadata: {{- include "imagejobs.plainMetadata" (list . "secrets" .Values.secrets.pod) | nindent 4 }}
  spec:
    serviceAccountName: {{ include "imagejobs.serviceAccount" (list . "secrets" .Values.secrets.serviceAccount) }}
    enableServiceLinks: false
    restartPolicy: OnFailure
    securityContext: {{- include "imagejobs.podSecurity" . | nindent 6 }}
    {{- include "imagejobs.scheduling" (list . "secrets" .Values.secrets.pod) | nindent 4 }}
    containers:
      - name: secrets
        image: {{ include "imagejobs.image" (list . "api") }}
        imagePullPolicy: {{ .Values.image.pullPolicy }}
        securityContext: {{- include "imagejobs.containerSecurity" . | nindent 10 }}
        command: [python, -m, imagejobs_api.first_secrets]
        {{- with .Values.secrets.pod.envFrom }}
        envFrom: {{- tpl (toYaml .) $ | nindent 10 }}
        {{- end }}
        env:
          - {name: NAMESPACE, value: {{ .Release.Namespace }}}
          {{- if not (or .Values.api.allowAnonymous .Values.api.callers.existingSecret) }}
          - {name: KEY_SECRET, value: {{ include "imagejobs.keySecret" . }}}
          - {name: CALLERS_SECRET, value: {{ include "imagejobs.callersSecret" . }}}
          {{- end }}
          {{- if not .Values.api.watchLinks.existingSecret }}
          - {name: WATCH_SECRET, value: {{ include "imagejobs.watchSecret" . }}}
          {{- end }}
          {{- if .Values.dev.enabled }}
          - {name: TRY_OUT_SECRET, value: {{ include "imagejobs.devSecret" . }}}
          - {name: TRY_OUT_REDIS, value: "{{ include "imagejobs.component" (list . "dev-valkey") }}.{{ .Release.Namespace }}.svc:6379"}
          - {name: TRY_OUT_COPIES, value: {{ without (include "imagejobs.namespaces" . | fromJsonArray) .Release.Namespace | join "," | quote }}}
          {{- end }}
          {{- with .Values.secrets.pod.env }}
          {{- toYaml . | nindent 10 }}
          {{- end }}
        terminationMessagePolicy: FallbackToLogsOnError
        resources: {{- toYaml .Values.secrets.resources | nindent 10 }}
        volumeMounts:
          - {name: tmp, mountPath: /tmp}
          {{- include "imagejobs.moreMounts" (list $ .Values.secrets.pod) | nindent 10 }}
      {{- include "imagejobs.moreContainers" (list $ .Values.secrets.pod) | nindent 6 }}
    volumes:
      {{- include "imagejobs.moreVolumes" (list $ .Values.secrets.pod) | nindent 6 }}
      - name: tmp
        emptyDir: {sizeLimit: 16Mi}
{{- end }}
