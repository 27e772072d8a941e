/**
 * Weir as an Effect program uses it: each lane is a fiber. In a file of its own, so that the others load no Effect.
 */
import { type ClientConfig, emptyBody, WeirClient } from "@weir/client"
import { Effect, Layer, ManagedRuntime } from "effect"
import type { Client } from "./Client.ts"
import { pauseAfterFailureMillis } from "./Client.ts"

const connectorLayer = async () => {
  if ("Bun" in globalThis) return (await import("@weir/bun")).BunConnector.layer
  if ("Deno" in globalThis) return (await import("@weir/deno")).DenoConnector.layer
  return (await import("@weir/node")).NodeConnector.layer
}

export const weirEffect = async (url: string, config: ClientConfig): Promise<Client> => {
  const runtime = ManagedRuntime.make(Layer.provide(WeirClient.layer(config), await connectorLayer()))
  const client = await runtime.runPromise(Effect.map(WeirClient, (service) => service))
  const { hostname, pathname, port } = new URL(url)
  const origin = client.originFor(false, hostname, Number(port))
  const request = { origin, method: "GET", target: pathname, headers: [], body: emptyBody } as const
  const call = Effect.flatMap(client.execute(request), (response) =>
    response.status === 200 ? response.bytes : Effect.die(`status ${response.status}`)
  )
  return {
    call: () => runtime.runPromise(call),
    close: () => runtime.dispose(),
    lanes: (laneCount, goesOn, note) => {
      const lane = Effect.gen(function* () {
        while (goesOn()) {
          const fromMillis = performance.now()
          const exit = yield* Effect.exit(call)
          note(fromMillis, exit._tag === "Success")
          if (exit._tag === "Failure") yield* Effect.sleep(pauseAfterFailureMillis)
        }
      })
      return runtime.runPromise(
        Effect.all(
          Array.from({ length: laneCount }, () => lane),
          { concurrency: "unbounded", discard: true }
        )
      )
    }
  }
}
