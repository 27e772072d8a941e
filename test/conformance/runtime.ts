/**
 * The runtime that runs the suites, and its layer: what is under test.
 */
import type { Connector } from "@weir/transport"
import { Effect } from "effect"

export type Runtime = "node" | "bun" | "deno"

export const runtime: Runtime = "Bun" in globalThis ? "bun" : "Deno" in globalThis ? "deno" : "node"

export interface ConnectorOptions {
  readonly tlsSessionCountMax?: number
}

type MakeConnector = (options?: ConnectorOptions) => Effect.Effect<Connector["Service"]>

/** Each runtime's layer, loaded on that runtime only. */
const layers: { readonly [R in Runtime]: () => Promise<{ readonly make: MakeConnector }> } = {
  node: async () => (await import("@weir/node")).NodeConnector,
  bun: async () => (await import("@weir/bun")).BunConnector,
  deno: async () => (await import("@weir/deno")).DenoConnector
}

/** A connector of the runtime's own layer. */
export const makeConnector: MakeConnector = (options) =>
  Effect.flatMap(
    Effect.promise(() => layers[runtime]()),
    ({ make }) => make(options)
  )

/** What the layer says it can do. Where it cannot, its specs are skipped and others show what happens instead. */
export const { capabilities } = await Effect.runPromise(makeConnector())
