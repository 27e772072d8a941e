/**
 * The `Connector` over Bun's own sockets.
 *
 * A connect goes through Bun's `node:net` and `node:tls`: a pending `Bun.connect` cannot be given up, and keeps its
 * descriptor until the system does. Once it is open, the native socket below is taken over, so that bytes pass no stream.
 * Names with several addresses are tried in turn, as on Node. Where the native socket cannot be had, the connection stays
 * on `node:net` and says so in `info.layer`: `bun+node:net`.
 */
import { makeWith, NodeConnection, type NodeConnectorOptions, type OpenedSocket } from "@weir/node/sockets"
import { type Connection, Connector } from "@weir/transport"
import { type Effect, Layer } from "effect"
import { BunConnection } from "./BunConnection.ts"
import { nativeSocketOf } from "./NativeSocket.ts"

export type BunConnectorOptions = NodeConnectorOptions

const connectionOver = (opened: OpenedSocket): Connection => {
  const native = nativeSocketOf(opened.socket)
  if (native !== undefined) return new BunConnection(opened, native)
  return new NodeConnection({ ...opened, info: { ...opened.info, layer: `${opened.info.layer}+node:net` } })
}

export const make = (options?: BunConnectorOptions): Effect.Effect<Connector["Service"]> =>
  makeWith({ name: "bun", connectionOver }, options)

export const layer: Layer.Layer<Connector> = Layer.effect(Connector, make())
