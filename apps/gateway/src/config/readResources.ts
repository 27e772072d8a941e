/**
 * YAML documents as Istio resources, each still knowing where its fields are written.
 */
import { didYouMean } from "@weir/core"
import { Result, Schema, SchemaIssue } from "effect"
import { type FieldPath, type Finding, formatPath, type Place } from "./Finding.ts"
import { DestinationRule, type DestinationRuleSpec } from "./istio/DestinationRule.ts"
import { ServiceEntry, type ServiceEntrySpec } from "./istio/ServiceEntry.ts"
import { VirtualService, type VirtualServiceSpec } from "./istio/VirtualService.ts"
import { isMapping, siftFields } from "./knownFields.ts"
import { readYaml, type YamlDocument } from "./YamlDocument.ts"

/** A file's path below the configuration folder, and what it holds. */
export interface ConfigFile {
  readonly path: string
  readonly text: string
}

export interface Resource<Spec> {
  readonly kind: string
  readonly name: string
  readonly namespace: string
  readonly spec: Spec
  /** `DestinationRule reviews (rules.yaml document 2, line 9): spec.host`. The path starts at the document's root. */
  readonly sourceOf: (path: FieldPath) => string
  readonly placeOf: (path: FieldPath) => Place
}

export interface Resources {
  readonly serviceEntries: ReadonlyArray<Resource<ServiceEntrySpec>>
  readonly virtualServices: ReadonlyArray<Resource<VirtualServiceSpec>>
  readonly destinationRules: ReadonlyArray<Resource<DestinationRuleSpec>>
  readonly findings: ReadonlyArray<Finding>
}

/** Reads every document of every file, in order; what cannot be read is among the findings. */
export const readResources = (files: ReadonlyArray<ConfigFile>): Resources => {
  const findings: Array<Finding> = []
  const serviceEntries: Array<Resource<ServiceEntrySpec>> = []
  const virtualServices: Array<Resource<VirtualServiceSpec>> = []
  const destinationRules: Array<Resource<DestinationRuleSpec>> = []
  for (const file of files) {
    const { documents, findings: syntaxFindings } = readYaml(file.path, file.text)
    findings.push(...syntaxFindings)
    for (const document of documents.flatMap(listedIn)) {
      const kind = readKind(document, findings)
      if (kind === "ServiceEntry") serviceEntries.push(...decode(ServiceEntry, kind, document, findings))
      if (kind === "VirtualService") virtualServices.push(...decode(VirtualService, kind, document, findings))
      if (kind === "DestinationRule") destinationRules.push(...decode(DestinationRule, kind, document, findings))
    }
  }
  findings.push(...duplicatesOf([...serviceEntries, ...virtualServices, ...destinationRules]))
  return { serviceEntries, virtualServices, destinationRules, findings }
}

/** The resources of a Kubernetes `List`, which is what `kubectl get -o yaml` prints; any other document is itself. */
const listedIn = (document: YamlDocument): ReadonlyArray<YamlDocument> => {
  const { placeOf, value } = document
  if (!isMapping(value) || value["kind"] !== "List" || !Array.isArray(value["items"])) return [document]
  return value["items"].map((item: unknown, index) => ({
    value: item,
    placeOf: (path) => placeOf(["items", index, ...path])
  }))
}

const kinds = ["DestinationRule", "ServiceEntry", "VirtualService"] as const
type Kind = (typeof kinds)[number]

const readKind = (document: YamlDocument, findings: Array<Finding>): Kind | undefined => {
  const report = (reason: "UnknownKind" | "InvalidValue", path: FieldPath, message: string): undefined => {
    const weight = reason === "UnknownKind" ? "ignorable" : "error"
    findings.push({ reason, weight, place: document.placeOf(path), path, message })
  }
  const { value } = document
  if (!isMapping(value))
    return report("InvalidValue", [], "expected a mapping with apiVersion, kind, metadata and spec")
  const kind = value["kind"]
  if (kind === undefined || kind === null) {
    const near = Object.keys(value).find((key) => key.toLowerCase() === "kind")
    const hint = near === undefined ? "" : `; did you mean kind where it says ${near}?`
    return report("InvalidValue", [], `kind is missing: expected one of ${kinds.join(", ")}${hint}`)
  }
  const known = kinds.find((candidate) => candidate === kind)
  const name = typeof kind === "string" ? kind : JSON.stringify(kind)
  const message = `${name} is not a kind this gateway reads; it reads ${kinds.join(", ")}${didYouMean(name, kinds)}`
  return known ?? report("UnknownKind", ["kind"], message)
}

/** None or one; a document may be decoded in spite of findings that can be ignored. */
const decode = <Spec>(
  schema: Schema.Codec<
    { readonly metadata: { readonly name: string; readonly namespace?: string }; readonly spec: Spec },
    unknown
  >,
  kind: Kind,
  document: YamlDocument,
  findings: Array<Finding>
): ReadonlyArray<Resource<Spec>> => {
  const sifted = siftFields(schema.ast, document.value)
  findings.push(...sifted.findings.map((finding) => ({ ...finding, place: document.placeOf(finding.path) })))
  const result = Schema.decodeUnknownResult(schema, { errors: "all" })(sifted.value)
  if (Result.isFailure(result)) {
    findings.push(...issuesOf(result.failure.issue, document))
    return []
  }
  const { metadata, spec } = result.success
  const namespace = metadata.namespace ?? "default"
  const title = `${kind} ${namespace === "default" ? "" : `${namespace}/`}${metadata.name}`
  const sourceOf = (path: FieldPath): string => {
    const { file, documentNumber, line } = document.placeOf(path)
    const where = `${title} (${file} document ${documentNumber}, line ${line})`
    return path.length === 0 ? where : `${where}: ${formatPath(path)}`
  }
  return [{ kind, name: metadata.name, namespace, spec, sourceOf, placeOf: document.placeOf }]
}

const issuesOf = (issue: SchemaIssue.Issue, document: YamlDocument): ReadonlyArray<Finding> =>
  formatIssues(issue).issues.map(({ message: text, path: steps = [] }): Finding => {
    const message = text.replace(/^Expected /, "expected ")
    const path = steps.map((step) => (typeof step === "number" ? step : String(step)))
    return {
      reason: "InvalidValue",
      weight: "error",
      place: document.placeOf(path),
      path,
      message: `${message}${got(valueAt(document.value, path), message)}`
    }
  })

const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => {
    const message = SchemaIssue.defaultLeafHook(issue)
    if (issue._tag === "MissingKey" && message === "Missing key") return "required, and missing"
    if (issue._tag === "InvalidType" && message === "Expected object") return "expected a mapping"
    if (issue._tag === "InvalidType" && message === "Expected array") return "expected a list"
    return message
  }
})

const valueAt = (value: unknown, path: FieldPath): unknown =>
  path.reduce<unknown>((parent, step) => {
    if (Array.isArray(parent)) return parent[Number(step)]
    return isMapping(parent) && Object.hasOwn(parent, step) ? parent[step] : undefined
  }, value)

const got = (value: unknown, message: string): string => {
  if (!message.startsWith("expected") || value === undefined || (typeof value === "object" && value !== null)) return ""
  const isQuotedNumber = typeof value === "string" && /^\d+$/.test(value)
  const isBareString = typeof value !== "string" && value !== null && message === "expected string"
  const hint = isQuotedNumber ? " in quotes" : isBareString ? "; put it in quotes" : ""
  return `, got ${JSON.stringify(value)}${hint}`
}

const duplicatesOf = (resources: ReadonlyArray<Resource<unknown>>): ReadonlyArray<Finding> => {
  const firsts = new Map<string, Resource<unknown>>()
  return resources.flatMap((resource): ReadonlyArray<Finding> => {
    const key = `${resource.kind} ${resource.namespace}/${resource.name}`
    const first = firsts.get(key)
    if (first === undefined) {
      firsts.set(key, resource)
      return []
    }
    const path = ["metadata", "name"]
    const message = `there are two of this kind and name in the namespace; the other is ${first.sourceOf([])}`
    return [{ reason: "Duplicate", weight: "error", place: resource.placeOf(path), path, message }]
  })
}
