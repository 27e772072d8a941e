/**
 * The `Connector` over Bun's own sockets.
 *
 * A connect goes through Bun's `node:net` and `node:tls`: a pending `Bun.connect` cannot be given up, and keeps its
 * descriptor until the system does. Once it is open, the native socket below is taken over, so that bytes pass no stream.
 * Names and their addresses are dealt with as on Node. Where the native socket cannot be had, the connection stays
 * on `node:net` and says so in `info.layer`: `bun+node:net`.
 */
import { makeWith, type NodeConnectorOptions } from "@weir/node/sockets"
import { Connector } from "@weir/transport"
import { type Effect, Layer } from "effect"
import { connectionOver } from "./connectionOver.ts"
import { secureSocket } from "./SecuredSocket.ts"

/** What the layer may be told; the same as on Node. */
export type BunConnectorOptions = NodeConnectorOptions

/** Seen on Bun 1.4.5: what is written after the peer has ended its side is lost, and a reset passes for an orderly end. */
const tlsInTlsRefusal =
  "Bun cannot speak TLS within the TLS of an https proxy: use an http or socks5 proxy there, or Node or Deno"

/** A connector whose caches live as long as it is used. */
export const make = (options?: BunConnectorOptions): Effect.Effect<Connector["Service"]> =>
  makeWith({ name: "bun", connectionOver, secureSocket, tlsInTlsRefusal }, options)

/** `Connector` on Bun's sockets, with defaults. */
export const layer: Layer.Layer<Connector> = Layer.effect(Connector, make())

/** `layer` with options. */
export const layerWith = (options: BunConnectorOptions): Layer.Layer<Connector> =>
  Layer.effect(Connector, make(options))
