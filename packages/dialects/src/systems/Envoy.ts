/**
 * One Envoy cluster: its circuit breakers, timeouts and HTTP options. The text is a bootstrap configuration, a list of
 * clusters, or a cluster.
 *
 * Its traits: beyond `max_connections` requests wait, beyond `max_pending_requests` and `max_requests` they are refused;
 * the limits are the cluster's, over all of its hosts together.
 */
import { make, type Selected, type Selection } from "../Dialect.ts"
import { type Problem, sourceOf, type Unmapped } from "../Reading.ts"
import { type Flattened, formatPath, type Written } from "../Written.ts"
import { envoyKeys } from "./EnvoyKeys.ts"

/** `typed_extension_protocol_options` has the options under a name with dots. */
const httpOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

const shorten = (path: Written["path"]): Written["path"] =>
  path[0] === "typed_extension_protocol_options" && path[1] === httpOptions
    ? ["HttpProtocolOptions", ...path.slice(2)]
    : path

interface Cluster {
  readonly name: string
  readonly written: ReadonlyArray<Selected>
}

/** Where clusters may stand: the last of these steps is followed by an index. */
const lists = [["static_resources", "clusters"], ["clusters"]]

const clustersOf = ({ documents }: Flattened): ReadonlyArray<Cluster> => {
  const byStart = new Map<string, Array<Selected>>()
  for (const [index, document] of documents.entries()) {
    const isListed = document.some(({ path }) => lists.some((list) => list.every((step, at) => path[at] === step)))
    for (const written of document) {
      const list = lists.find((steps) => steps.every((step, at) => written.path[at] === step))
      if (isListed && list === undefined) continue
      const start = list === undefined ? [] : written.path.slice(0, list.length + 1)
      const id = JSON.stringify([index, start])
      const path = shorten(written.path.slice(start.length))
      if (path.length === 0 || path.at(-1) === "@type") continue
      byStart.set(id, [...(byStart.get(id) ?? []), { ...written, path, key: formatPath(written.path) }])
    }
  }
  return [...byStart.values()].map((written) => ({
    name: String(written.find(({ path }) => path.length === 1 && path[0] === "name")?.value ?? ""),
    written
  }))
}

const select = (
  input: Flattened,
  { cluster: wanted, file }: { readonly cluster?: string; readonly file?: string }
): Selection => {
  const clusters = clustersOf(input)
  const chosen = wanted === undefined ? clusters : clusters.filter(({ name }) => name === wanted)
  const [first] = chosen
  const problem = (message: string): Selection => ({
    selected: [],
    problems: [{ place: file === undefined ? {} : { file }, key: "clusters", message } satisfies Problem]
  })
  const names = clusters.map(({ name }) => name).join(", ")
  if (chosen.length > 1)
    return problem(`there are ${chosen.length}: ${names}; say which is meant, since a cluster has a pool of its own`)
  if (first === undefined)
    return wanted === undefined ? { selected: [] } : problem(`there is none of the name ${wanted}; there are ${names}`)
  return withoutHigh(first.written)
}

/** Thresholds of the priority HIGH are for requests that nobody can mark here. */
const withoutHigh = (written: ReadonlyArray<Selected>): Selection => {
  const isHigh = ({ path }: Selected): boolean =>
    written.some(
      (other) =>
        other.path.at(-1) === "priority" &&
        other.value === "HIGH" &&
        other.path.slice(0, 3).join() === path.slice(0, 3).join()
    )
  const unmapped = written.filter(isHigh).map(
    ({ key, place, value }): Unmapped => ({
      key,
      value,
      source: sourceOf(key, place),
      why: "calls have no priority HIGH of their own limits",
      todo: "give such calls a client of their own"
    })
  )
  return { selected: written.filter((one) => !isHigh(one)), unmapped }
}

export const envoy = make({
  id: "envoy",
  title: "Envoy",
  versions: ["v3"],
  keys: envoyKeys,
  always: {
    knobs: { "pool.activeOverflow": "refuse", "pool.pendingIncludesDialling": true },
    cite: "source/common/conn_pool/conn_pool_base.cc newStreamImpl, attachStreamToClient"
  },
  select,
  isTelling: (path) =>
    /^static_resources\.clusters\./.test(path) ||
    /^(clusters\.)?(circuit_breakers|typed_extension_protocol_options|load_assignment|lb_policy|upstream_connection_options)/.test(
      path
    ),
  form: "yaml",
  frame: ({ HttpProtocolOptions, ...body }) => ({
    clusters: [
      {
        name: "weir",
        ...body,
        ...(HttpProtocolOptions === undefined
          ? {}
          : {
              typed_extension_protocol_options: {
                [httpOptions]: {
                  "@type": `type.googleapis.com/${httpOptions}`,
                  explicit_http_config: { http_protocol_options: {} },
                  ...Object.assign({}, HttpProtocolOptions)
                }
              }
            })
      }
    ]
  })
})
