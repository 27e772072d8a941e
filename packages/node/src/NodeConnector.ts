/**
 * The `Connector` over `node:net` and `node:tls`.
 *
 * Names are resolved by the system's resolver, and a name with several addresses is tried in turn by Node's own address
 * family selection. TCP connections have Nagle's algorithm off and keep-alive probes on.
 */
import type { Capabilities } from "@weir/transport"
import { Connector } from "@weir/transport"
import { Clock, Effect, Layer } from "effect"
import { makeBackgroundClock } from "./BackgroundClock.ts"
import { dial } from "./NodeDial.ts"
import { NodeTls } from "./NodeTls.ts"

export interface NodeConnectorOptions {
  /** What connections call their layer in `info.layer`. Default: `node`. */
  readonly layerName?: string
  /**
   * How many TLS sessions are kept for resumption, one for each TLS identity and address; the least recently used goes
   * first. 0 keeps none. A session takes some 2 to 10 KiB. Default: 256.
   */
  readonly tlsSessionCountMax?: number
}

export const capabilities: Capabilities = {
  unixSockets: true,
  tls: true,
  serverName: true,
  clientCertificates: true,
  unverifiedTls: true,
  sessionResumption: true,
  localAddress: true,
  reset: true,
  unref: true
}

/** As many bytes as libuv offers to one read. */
const readBufferBytes = 65_536

export const make = (options: NodeConnectorOptions = {}): Effect.Effect<Connector["Service"]> =>
  Effect.map(Clock.Clock, (clock) => {
    const shared = {
      layerName: options.layerName ?? "node",
      tls: new NodeTls(options.tlsSessionCountMax ?? 256),
      readBuffer: Buffer.allocUnsafeSlow(readBufferBytes)
    }
    return Connector.of({
      runtime: "node",
      capabilities,
      backgroundClock: makeBackgroundClock(clock),
      connect: (target, observer) => dial(shared, target, observer)
    })
  })

export const layer: Layer.Layer<Connector> = Layer.effect(Connector, make())
