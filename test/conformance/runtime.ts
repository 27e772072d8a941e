/**
 * The runtime that runs the suites, and its layer: what is under test.
 */
import type { Capabilities, Connector, ConnectPathOptions } from "@weir/transport"
import { Effect } from "effect"

declare module "vitest" {
  interface TaskMeta {
    /** Of a behaviour that the layer lacks: what happens instead. It goes into the table of behaviours. */
    instead?: string
  }
}

export type Runtime = "node" | "bun" | "deno"

export const runtime: Runtime = "Bun" in globalThis ? "bun" : "Deno" in globalThis ? "deno" : "node"

export interface ConnectorOptions extends ConnectPathOptions {
  readonly tlsSessionCountMax?: number
}

type Ability = keyof Capabilities

interface Layer {
  readonly make: (options?: ConnectorOptions) => Effect.Effect<Connector["Service"]>
  readonly notes: { readonly [A in Ability]?: string }
}

/** Each runtime's layer, loaded on that runtime only. */
const layers: { readonly [R in Runtime]: () => Promise<Layer> } = {
  node: async () => ({ make: (await import("@weir/node")).NodeConnector.make, notes: {} }),
  bun: async () => {
    const { BunConnector, capabilityNotes } = await import("@weir/bun")
    return { make: BunConnector.make, notes: capabilityNotes }
  },
  deno: async () => {
    const { capabilityNotes, DenoConnector } = await import("@weir/deno")
    return { make: DenoConnector.make, notes: capabilityNotes }
  }
}

const layer = await layers[runtime]()

/** A connector of the runtime's own layer. */
export const makeConnector = (options?: ConnectorOptions): Effect.Effect<Connector["Service"]> => layer.make(options)

/** What the layer says it can do. Where it cannot, its specs are skipped and others show what happens instead. */
export const { capabilities } = await Effect.runPromise(makeConnector())

/** For specs that are skipped where the layer lacks an ability: what the table of behaviours says there. */
export const needs = (ability: Ability): { readonly meta: { readonly instead?: string } } => {
  if (capabilities[ability]) return { meta: {} }
  const note = layer.notes[ability]
  if (note === undefined)
    throw new Error(`${runtime} lacks ${ability}, and its capabilityNotes do not say what instead`)
  return { meta: { instead: note } }
}
