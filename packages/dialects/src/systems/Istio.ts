/**
 * Istio's DestinationRule: for each host, and for its ports and a subset, how much may be asked of it.
 *
 * Its traits: beyond `maxConnections` requests wait, beyond the other limits they are refused (Envoy's flag UO). What is
 * said of a port takes the place of the whole policy, and what is said of a subset of whole blocks of it: Istio's
 * `MergeSubsetTrafficPolicy`, pilot/pkg/networking/util.
 */
import { didYouMean } from "@weir/core"
import { make, type Selected, type Selection } from "../Dialect.ts"
import type { DialectOptions } from "../Key.ts"
import { type Note, type Problem, sourceOf } from "../Reading.ts"
import { type Flattened, formatPath, type Written, type WrittenDocument } from "../Written.ts"
import { istioKeys } from "./IstioKeys.ts"

/** What may be said in `portLevelSettings`, and so takes the whole place of what is said around it. */
const portBlocks = ["connectionPool", "loadBalancer", "outlierDetection", "tls"]

interface Rule {
  readonly host: string
  readonly fields: ReadonlyArray<Selected>
  readonly subsetName: string | undefined
}

const roots = ["host", "trafficPolicy", "subsets", "exportTo", "workloadSelector"]

/** Paths from the rule's root, without `spec`. */
const rulesOf = ({
  documents
}: Flattened): { readonly rules: ReadonlyArray<ReadonlyArray<Selected>>; readonly notes: ReadonlyArray<Note> } => {
  const rules: Array<ReadonlyArray<Selected>> = []
  const notes: Array<Note> = []
  for (const document of documents) {
    const kind = document.find(({ path }) => path.length === 1 && path[0] === "kind")
    if (kind !== undefined && kind.value !== "DestinationRule") {
      notes.push({
        source: sourceOf("kind", kind.place),
        message: `a ${String(kind.value)} says nothing about connections, and was not read`
      })
    } else if (document.some(({ path }) => path.length > 0)) rules.push(fieldsOf(document, kind !== undefined))
  }
  return { rules, notes }
}

const fieldsOf = (document: WrittenDocument, isResource: boolean): ReadonlyArray<Selected> =>
  document.flatMap((written) => {
    const key = formatPath(written.path)
    if (!isResource) return [{ ...written, key }]
    return written.path[0] === "spec" ? [{ ...written, path: written.path.slice(1), key }] : []
  })

const startsWith = (path: Written["path"], ...steps: Written["path"]): boolean =>
  steps.every((step, index) => path[index] === step)

/** Fields below some steps, with those taken off. */
const inside = (fields: ReadonlyArray<Selected>, ...steps: Written["path"]): ReadonlyArray<Selected> =>
  fields.flatMap((field) =>
    startsWith(field.path, ...steps) ? [{ ...field, path: field.path.slice(steps.length) }] : []
  )

/** The entries of `portLevelSettings`, by port. */
const portsOf = (policy: ReadonlyArray<Selected>): ReadonlyMap<number, ReadonlyArray<Selected>> => {
  const ports = new Map<number, ReadonlyArray<Selected>>()
  const indices = new Set(
    policy.flatMap(({ path }) => (path[0] === "portLevelSettings" && typeof path[1] === "number" ? [path[1]] : []))
  )
  for (const index of indices) {
    const entry = inside(policy, "portLevelSettings", index)
    const number = Number(entry.find(({ path }) => startsWith(path, "port", "number"))?.value)
    if (!ports.has(number)) ports.set(number, entry)
  }
  return ports
}

const isPortLevel = ({ path }: Selected): boolean => path[0] === "portLevelSettings"

/** Block by block: what `over` says of a block drops all that `under` says of it. */
const merge = (
  under: ReadonlyArray<Selected>,
  over: ReadonlyArray<Selected>,
  notes: Array<Note>,
  replaced: ReadonlyArray<string> = []
): ReadonlyArray<Selected> => {
  const blocks = new Set([...replaced, ...over.map(({ path }) => String(path[0]))])
  for (const { key, path, place } of under) {
    if (!blocks.has(String(path[0])) || over.some((field) => formatPath(field.path) === formatPath(path))) continue
    const message = `out of force: the whole ${String(path[0])} is replaced further down, as Istio merges; repeat it there to keep it`
    notes.push({ source: sourceOf(key, place), message })
  }
  return [...under.filter(({ path }) => !blocks.has(String(path[0]))), ...over]
}

const matchOf = (host: string, port: number | "*"): string => `http*://${host}:${port}`

const select = (input: Flattened, options: DialectOptions): Selection => {
  const { notes: unread, rules: found } = rulesOf(input)
  const notes = [...unread]
  const problems: Array<Problem> = []
  const rules = found.flatMap((fields): ReadonlyArray<Rule> => {
    const host = fields.find(({ path }) => path.length === 1 && path[0] === "host")
    const { place } = host ?? fields[0] ?? { place: {} }
    if (typeof host?.value === "string" && host.value !== "")
      return [{ host: host.value, fields, subsetName: options.subset }]
    problems.push({
      place,
      key: "host",
      message: "expected the host that the rule is for, such as reviews.prod.svc.cluster.local"
    })
    return []
  })
  for (const { fields, host } of rules) {
    problems.push(...misplaced(fields))
    const written = fields.find(({ path }) => path[0] === "host")
    if (written === undefined || host.includes(".") || host === "*") continue
    const message = `holds for calls to ${host}; to Istio that is ${host}.<namespace>.svc.cluster.local too, so write it whole where calls do`
    notes.push({ source: sourceOf(written.key, written.place), message })
  }
  // The more specific rule is said later, and so wins.
  const ordered = [...rules].sort((a, b) => specificity(a.host) - specificity(b.host))
  const selected: Array<Selected> = []
  const resets: Array<{ match: string; source: string }> = []
  for (const rule of ordered) {
    const wider = ordered.find(
      ({ host }) => host !== rule.host && host.startsWith("*") && rule.host.endsWith(host.slice(1))
    )
    const placed = place(rule, notes, problems)
    for (const { fields, match, reset } of placed) {
      selected.push(...fields.map((field) => ({ ...field, match })))
      const source =
        reset ??
        (wider === undefined
          ? undefined
          : `Istio default, since the rule for ${rule.host} takes the place of that for ${wider.host}`)
      if (source !== undefined) resets.push({ match, source })
    }
  }
  const [only, ...others] = ordered
  return {
    selected,
    notes,
    problems,
    resets,
    ...(only === undefined || others.length > 0 ? {} : { onlyMatch: matchOf(only.host, "*") })
  }
}

const specificity = (host: string): number => (host.startsWith("*") ? host.length : 1000)

const misplaced = (fields: ReadonlyArray<Selected>): ReadonlyArray<Problem> =>
  fields.flatMap(({ key, path: [root, ...rest], place, value }) => {
    if (!roots.includes(String(root))) return [{ place, key, message: `unknown key${didYouMean(String(root), roots)}` }]
    const isBare = root === "trafficPolicy" && rest.length === 0 && (typeof value !== "object" || Array.isArray(value))
    return isBare ? [{ place, key, message: "expected a mapping" }] : []
  })

interface Placed {
  readonly match: string
  readonly fields: ReadonlyArray<Selected>
  /** Whose place it takes, where it takes the whole place. */
  readonly reset?: string
}

/** What is in force for the host, and for each of its ports that something is said of. */
const place = (
  { fields, host, subsetName }: Rule,
  notes: Array<Note>,
  problems: Array<Problem>
): ReadonlyArray<Placed> => {
  const policy = inside(fields, "trafficPolicy").filter(({ path }) => path.length > 0)
  const subset = subsetOf(fields, subsetName, notes, problems)
  const ports = portsOf(policy)
  const subsetPorts = portsOf(subset)
  const base = policy.filter((field) => !isPortLevel(field))
  const own = subset.filter((field) => !isPortLevel(field))
  const others = fields.filter(
    ({ path }) =>
      roots.includes(String(path[0])) &&
      path[0] !== "trafficPolicy" &&
      !(path[0] === "subsets" && path[2] === "trafficPolicy")
  )
  const general: Placed = { match: matchOf(host, "*"), fields: [...others, ...merge(base, own, notes)] }
  const numbers = new Set([...ports.keys(), ...subsetPorts.keys()])
  return [
    general,
    ...[...numbers].map((number): Placed => {
      const replaced = ports.get(number) ?? base
      const merged = merge(replaced, own, [])
      const ofSubset = subsetPorts.get(number)
      const effective = ofSubset === undefined ? merged : merge(merged, ofSubset, [], portBlocks)
      const [first] = ofSubset ?? ports.get(number) ?? []
      const source = first === undefined ? host : sourceOf(first.key.replace(/\.port\.number$/, ""), first.place)
      return {
        match: matchOf(host, number),
        fields: effective,
        reset: `Istio default, since ${source} takes the whole place`
      }
    })
  ]
}

/** The policy of the subset that calls go to; others are told about. */
const subsetOf = (
  fields: ReadonlyArray<Selected>,
  wanted: string | undefined,
  notes: Array<Note>,
  problems: Array<Problem>
): ReadonlyArray<Selected> => {
  const subsets = inside(fields, "subsets")
  const names = new Map(
    subsets.flatMap(({ path, value }) =>
      path.length === 2 && path[1] === "name" && typeof path[0] === "number" ? [[path[0], String(value)] as const] : []
    )
  )
  for (const { key, path, place } of subsets) {
    const [index, part] = path
    if (typeof index !== "number" || part !== "trafficPolicy" || names.get(index) === wanted) continue
    const name = names.get(index) ?? ""
    notes.push({
      source: sourceOf(key, place),
      message: `holds for the subset ${name}, and was not read; say that calls go to the subset ${name} to read it`
    })
  }
  if (wanted === undefined) return []
  const chosen = [...names].find(([, name]) => name === wanted)?.[0]
  if (chosen !== undefined) return inside(subsets, chosen, "trafficPolicy")
  const { place } = fields[0] ?? { place: {} }
  problems.push({
    place,
    key: "subsets",
    message: `there is none of the name ${wanted}; there are ${[...names.values()].join(", ") || "none"}`
  })
  return []
}

export const istio = make({
  id: "istio",
  title: "Istio",
  versions: ["v1"],
  keys: istioKeys,
  always: {
    knobs: {
      "pool.activeOverflow": "refuse",
      "pool.pendingIncludesDialling": true,
      // Envoy's default for HTTP connections, where neither idleTimeout is set.
      "pool.idleTimeout": 3_600_000
    },
    cite: "cluster_traffic_policy.go:169, 187, 205; Envoy conn_pool_base.cc"
  },
  select,
  isTelling: (path) => /^(spec\.)?(trafficPolicy|subsets)\b/.test(path),
  form: "yaml",
  frame: (body) => ({
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata: { name: "weir" },
    spec: { host: "*", trafficPolicy: body }
  })
})
