/**
 * Short ways to write a configuration in a test and to ask what became of it.
 */
import { Result } from "effect"
import type { ConfigError, Finding } from "../../src/config/Finding.ts"
import { formatFinding, formatPath } from "../../src/config/Finding.ts"
import type { Cluster, ClusterPolicy, GatewayModel, Setting } from "../../src/config/GatewayModel.ts"
import { type LoadedConfig, type LoadOptions, loadFiles } from "../../src/config/loadFiles.ts"

/** Several documents in one file. */
export const documents = (...texts: ReadonlyArray<string>): string => texts.join("\n---\n")

/** A document of the given kind; `spec` is written as JSON, which is YAML too. */
export const document = (kind: string, name: string, spec: unknown, namespace?: string): string =>
  `apiVersion: networking.istio.io/v1
kind: ${kind}
metadata:
  name: ${name}${namespace === undefined ? "" : `\n  namespace: ${namespace}`}
spec: ${JSON.stringify(spec)}`

/** A host on 127.0.0.1 with the HTTP ports given (80 when none is) and an endpoint for each version. */
export const service = (
  host: string,
  options: { readonly ports?: ReadonlyArray<number>; readonly versions?: ReadonlyArray<string> } = {}
): string =>
  document("ServiceEntry", host.replaceAll(/[.*]/g, "-"), {
    hosts: [host],
    resolution: "STATIC",
    ports: (options.ports ?? [80]).map((number) => ({ number, name: `http-${number}`, protocol: "HTTP" })),
    endpoints: (options.versions ?? ["v1"]).map((version) => ({ address: "127.0.0.1", labels: { version } }))
  })

export const routeTo = (host: string, destination: unknown): string =>
  document("VirtualService", host.replaceAll(/[.*]/g, "-"), { hosts: [host], http: [{ route: [{ destination }] }] })

export const load = (text: string, options?: LoadOptions): Result.Result<LoadedConfig, ConfigError> =>
  loadFiles([{ path: "rules.yaml", text }], options)

export const loaded = (text: string, options?: LoadOptions): LoadedConfig => Result.getOrThrow(load(text, options))

export const modelOf = (text: string, options?: LoadOptions): GatewayModel => loaded(text, options).model

/** All findings, whether they refused the configuration or not. */
export const findingsOf = (text: string, options?: LoadOptions): ReadonlyArray<Finding> =>
  Result.match(load(text, options), { onSuccess: ({ warnings }) => warnings, onFailure: ({ findings }) => findings })

/** `weight reason path: message` of every finding. */
export const problemsOf = (text: string, options?: LoadOptions): ReadonlyArray<string> =>
  findingsOf(text, options).map(
    (finding) => `${finding.weight} ${finding.reason} ${formatPath(finding.path)}: ${finding.message}`
  )

export const linesOf = (text: string): ReadonlyArray<string> => findingsOf(text).map(formatFinding)

/** By Istio's name without the direction: `80|v1|reviews.default.svc.cluster.local`. */
export const clusterOf = (model: GatewayModel, name: string): Cluster => {
  const cluster = model.clusters.get(`outbound|${name}`)
  if (cluster === undefined) throw new Error(`no cluster ${name} among ${[...model.clusters.keys()].join(", ")}`)
  return cluster
}

/** The settings of a policy that are not Istio's defaults, without their sources. */
export const changedIn = (policy: ClusterPolicy): Partial<Record<keyof ClusterPolicy, unknown>> =>
  Object.fromEntries(
    Object.entries(policy).flatMap(([key, setting]: [string, Setting<unknown> | object | undefined]) => {
      if (setting === undefined) return []
      if (!("source" in setting)) return [[key, setting]]
      const isDefault = setting.source.startsWith("Istio default") || setting.source.startsWith("ServiceEntry")
      return isDefault || !("value" in setting) ? [] : [[key, setting.value]]
    })
  )
