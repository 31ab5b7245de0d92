{{/* Rules that several network policies share. NetworkPolicy speaks of the pods' ports, not of a service's. Every rule says where to: one
without `to` leads to the cloud's metadata address, too. */}}

{{- define "imagejobs.ingressMetrics" -}}
{{- if .Values.metrics.enabled -}}
- ports: [{protocol: TCP, port: 9464}]
  from: {{- toYaml .Values.networkPolicy.scrapers | nindent 4 }}
{{- end }}
{{- end }}

{{- define "imagejobs.egressDns" -}}
- ports:
    {{- range .Values.networkPolicy.dns.ports }}
    - {protocol: UDP, port: {{ . }}}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  to: {{- toYaml .Values.networkPolicy.dns.to | nindent 4 }}
{{- end }}

{{- define "imagejobs.egressApiServer" -}}
- ports:
    {{- range .Values.networkPolicy.apiServerPorts }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  {{- /* No selector names the API server, and its address is not known before the installation. */}}
  to:
    {{- with .Values.networkPolicy.apiServerTo }}
    {{- toYaml . | nindent 4 }}
    {{- else }}
    - ipBlock: {cidr: 0.0.0.0/0, except: [127.0.0.0/8, 169.254.0.0/16]}
    - ipBlock: {cidr: "::/0", except: ["fd00:ec2::/32", "fe80::/10"]}
    {{- end }}
{{- end }}

{{- define "imagejobs.egressStorage" -}}
{{- if .Values.dev.enabled -}}
- to:
    - podSelector:
        matchLabels: {{- include "imagejobs.selector" (list . "dev-s3") | nindent 10 }}
      namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: {{ .Release.Namespace }}}
  ports: [{protocol: TCP, port: 9000}]
- to:
    - podSelector:
        matchLabels: {{- include "imagejobs.selector" (list . "dev-valkey") | nindent 10 }}
      namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: {{ .Release.Namespace }}}
  ports: [{protocol: TCP, port: 6379}]
{{- else -}}
{{- $rules := .Values.networkPolicy -}}
{{- $s3 := include "imagejobs.peersOf" (list . (.Values.s3.endpoint | default "https://s3.amazonaws.com")) | fromYamlArray -}}
{{- include "imagejobs.egressTo" (list ($rules.s3.to | default $s3) ($rules.s3.ports | default (list (include "imagejobs.s3Port" . | int)))) }}
{{ include "imagejobs.egressTo" (list ($rules.redis.to | default (include "imagejobs.redisPeers" . | fromYamlArray)) ($rules.redis.ports | default (list (include "imagejobs.redisPort" . | int)))) }}
{{- include "imagejobs.egressIdentity" . }}
{{- end }}
{{- end }}

{{/* Where a pod's identity becomes credentials; never the metadata address, where a node's own lie. */}}
{{- define "imagejobs.egressIdentity" -}}
{{- $identity := .Values.networkPolicy.identity -}}
{{- if eq $identity "eks-pod-identity" }}
- ports: [{protocol: TCP, port: 80}]
  to:
    - ipBlock: {cidr: 169.254.170.23/32}
    - ipBlock: {cidr: "fd00:ec2::23/128"}
{{- else if eq $identity "gke" }}
- ports: [{protocol: TCP, port: 987}, {protocol: TCP, port: 988}]
  to:
    - ipBlock: {cidr: 169.254.169.252/32}
{{- else if $identity }}
{{ include "imagejobs.egressTo" (list (include "imagejobs.publicPeers" . | fromYamlArray) (list 443)) }}
{{- end }}
{{- end }}

{{- define "imagejobs.publicPeers" -}}
- ipBlock:
    cidr: 0.0.0.0/0
    except: [10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16]
- ipBlock:
    cidr: 2000::/3
{{- end }}

{{/* The private networks, without the cloud's metadata address. */}}
{{- define "imagejobs.privatePeers" -}}
- ipBlock: {cidr: 10.0.0.0/8}
- ipBlock: {cidr: 100.64.0.0/10}
- ipBlock: {cidr: 172.16.0.0/12}
- ipBlock: {cidr: 192.168.0.0/16}
- ipBlock: {cidr: "fc00::/7", except: ["fd00:ec2::/32"]}
{{- end }}

{{/* The peers behind the host of a URL, as far as it tells: (list $ URL). A Service is known by its namespace only. */}}
{{- define "imagejobs.peersOf" -}}
{{- $host := (urlParse (index . 1)).hostname -}}
{{- if regexMatch "^[0-9]+([.][0-9]+){3}$" $host -}}
- ipBlock: {cidr: {{ $host }}/32}
{{- else if contains ":" $host -}}
- ipBlock: {cidr: "{{ $host }}/128"}
{{- else if not (contains "." $host) -}}
- namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ (index . 0).Release.Namespace }}}}
{{- else if regexMatch "^[^.]+[.][^.]+[.]svc([.]|$)" $host -}}
- namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ index (splitList "." $host) 1 }}}}
{{- else -}}
{{- include "imagejobs.publicPeers" . }}
{{- end }}
{{- end }}

{{/* Of a Redis whose address lies in a Secret, or that has a name of its own, no more is known than that it is not public. */}}
{{- define "imagejobs.redisPeers" -}}
{{- $peers := list -}}
{{- with .Values.redis.url -}}
{{- $peers = include "imagejobs.peersOf" (list $ .) | fromYamlArray -}}
{{- end -}}
{{- if or (not $peers) (contains "2000::/3" (toJson $peers)) -}}
{{- include "imagejobs.privatePeers" . }}
{{- else -}}
{{- toYaml $peers }}
{{- end }}
{{- end }}

{{- define "imagejobs.egressCollector" -}}
{{- with .Values.telemetry.otlpEndpoint -}}
{{- $parts := urlParse . -}}
{{- $port := regexFind "[0-9]+$" (regexFind ":[0-9]+$" $parts.host) | default (ternary "80" "443" (eq $parts.scheme "http")) -}}
{{- $rule := $.Values.networkPolicy.collector -}}
{{- $peers := include "imagejobs.peersOf" (list $ .) | fromYamlArray -}}
{{- include "imagejobs.egressTo" (list ($rule.to | default $peers) ($rule.ports | default (list (int $port)))) }}
{{- end }}
{{- end }}

{{- define "imagejobs.egressTo" -}}
- ports:
    {{- range index . 1 }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  to: {{- toYaml (index . 0) | nindent 4 }}
{{- end }}

{{/* Of a URL in a Secret no more is known than that 6379 is the default. */}}
{{- define "imagejobs.redisPort" -}}
{{- $parts := urlParse (.Values.redis.url | default "redis://redis") -}}
{{ regexFind "[0-9]+$" (regexFind ":[0-9]+$" $parts.host) | default "6379" }}
{{- end }}

{{- define "imagejobs.s3Port" -}}
{{- $parts := urlParse (.Values.s3.endpoint | default "https://s3") -}}
{{ regexFind "[0-9]+$" (regexFind ":[0-9]+$" $parts.host) | default (ternary "80" "443" (eq $parts.scheme "http")) }}
{{- end }}

{{/* Images by URL come from the public internet, and callbacks go there, whatever the program's own guard says: (list $ PRIVATE), the private
networks that are allowed besides. */}}
{{- define "imagejobs.egressInternet" -}}
{{- $ports := include "imagejobs.urlPorts" (index . 0) | trim -}}
- ports: {{- $ports | nindent 4 }}
  to: {{- include "imagejobs.publicPeers" . | nindent 4 }}
{{- with index . 1 }}
- ports: {{- $ports | nindent 4 }}
  to:
    {{- range . }}
    - ipBlock: {cidr: {{ regexReplaceAll "^.*=" . "" }}}
    {{- end }}
{{- end }}
{{- end }}

{{- define "imagejobs.urlPorts" -}}
{{- range .Values.urls.ports }}
{{- $ends := splitList "-" (toString .) }}
- {protocol: TCP, port: {{ first $ends }}{{ if gt (len $ends) 1 }}, endPort: {{ last $ends }}{{ end }}}
{{- end }}
{{- end }}

{{- define "imagejobs.egressWorker" -}}
{{ include "imagejobs.egressDns" . }}
{{ include "imagejobs.egressStorage" . }}
{{ include "imagejobs.egressCollector" . }}
{{- if .Values.networkPolicy.internet }}
{{ include "imagejobs.egressInternet" (list . .Values.worker.privateSources) }}
{{- end }}
{{- end }}
