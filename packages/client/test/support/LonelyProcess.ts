/**
 * Run as a process of its own: calls the URL it is given once, and leaves client and layer as they are, as a script does
 * that never closes what it has opened. Nothing of it may keep the process alive.
 */
import { WeirClient, WeirHttpClient } from "@weir/client"
import { NodeConnector } from "@weir/node"
import { Effect, Layer, ManagedRuntime } from "effect"
import { HttpClient } from "effect/http"

const layer = Layer.provide(
  WeirHttpClient.layer({ http: { requestTimeout: "1 hour" }, pool: { idlePerRouteMin: 2, idleTimeout: "1 hour" } }),
  NodeConnector.layer
)
const runtime = ManagedRuntime.make(layer)
const url = process.argv[2] ?? ""
console.log(await runtime.runPromise(Effect.flatMap(HttpClient.get(url), ({ text }) => text)))
const { idle } = await runtime.runPromise(Effect.flatMap(WeirClient, ({ pool }) => pool.stats))
console.log(`${idle.used} idle`)
