/**
 * From configuration files to the gateway's model: all of it, or all that is wrong with it.
 */
import { Result } from "effect"
import { buildClusters } from "./clusters.ts"
import { mergeDestinationRules } from "./destinationRules.ts"
import { ConfigError, type Finding } from "./Finding.ts"
import type { GatewayModel } from "./GatewayModel.ts"
import { type ConfigFile, type Resources, readResources } from "./readResources.ts"
import { readServices } from "./services.ts"
import { buildVirtualHosts } from "./virtualHosts.ts"

export interface LoadOptions {
  /**
   * True: kinds and fields that are unknown or not supported are left out with a warning, and so is what Istio itself
   * passes over. Wrong values and broken references of routes stay errors. Default: false.
   */
  readonly isLenient?: boolean
}

export interface LoadedConfig {
  readonly model: GatewayModel
  /** What was left out, and what will not do what was probably meant. */
  readonly warnings: ReadonlyArray<Finding>
}

export const loadFiles = (
  files: ReadonlyArray<ConfigFile>,
  options: LoadOptions = {}
): Result.Result<LoadedConfig, ConfigError> => {
  const resources = readResources(files)
  // With a resource missing, what refers to it would be reported too, and none of that would be the author's mistake.
  const isComplete = resources.findings.every((finding) => finding.weight !== "error")
  const resolved = isComplete ? resolve(resources) : undefined
  const findings = [...resources.findings, ...(resolved?.findings ?? [])]
    .sort(byPlace)
    .map(
      (finding): Finding =>
        options.isLenient === true && finding.weight === "ignorable" ? { ...finding, weight: "warning" } : finding
    )
  return resolved === undefined || findings.some((finding) => finding.weight !== "warning")
    ? Result.fail(new ConfigError({ findings }))
    : Result.succeed({ model: resolved.model, warnings: findings })
}

const resolve = (resources: Resources): { readonly model: GatewayModel; readonly findings: ReadonlyArray<Finding> } => {
  const { findings: serviceFindings, services } = readServices(resources.serviceEntries)
  const { findings: ruleFindings, ruleOf } = mergeDestinationRules(resources.destinationRules, services)
  const { clusters, findings: clusterFindings } = buildClusters(services, ruleOf)
  const { findings: routeFindings, virtualHosts } = buildVirtualHosts(resources.virtualServices, services, ruleOf)
  return {
    model: { virtualHosts, clusters },
    findings: [...serviceFindings, ...ruleFindings, ...clusterFindings, ...routeFindings]
  }
}

/** In the order of reading. */
const byPlace = ({ place: left }: Finding, { place: right }: Finding): number => {
  if (left.file !== right.file) return left.file < right.file ? -1 : 1
  return (left.line ?? 0) - (right.line ?? 0) || (left.column ?? 0) - (right.column ?? 0)
}
