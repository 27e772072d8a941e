/**
 * The example of docs/simulation.md: a program of one's own against a simulated upstream.
 */
import { WeirClient } from "@weir/client"
import { HttpPeer, SimulatedNetwork, Simulation } from "@weir/testkit"
import { Connector } from "@weir/transport"
import { Effect, Layer } from "effect"
import { expect, it } from "vitest"

it("gives an upstream that is slow to answer up at the virtual millisecond", () => {
  const simulation = new Simulation({ seed: 1 })
  const network = new SimulatedNetwork(simulation, { latencyMillisMax: 3 })
  network.setName("api.test", "10.0.0.9")
  network.listen("10.0.0.9", 80, (connection) => {
    new HttpPeer(connection, () => {
      simulation.after(5000, () => connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
    })
  })
  const program = Effect.gen(function* () {
    const client = yield* WeirClient
    const origin = client.originFor(false, "api.test", 80)
    const request = { origin, method: "GET", target: "/", headers: [], body: { _tag: "Empty" } } as const
    return yield* Effect.flip(client.execute({ ...request, timeout: "1 second" }))
  })
  const client = WeirClient.layer().pipe(Layer.provide(Layer.succeed(Connector, network.connector)))
  const exit = simulation.run(Effect.provide(program, client))
  expect(exit._tag === "Success" && exit.value.reason).toMatchObject({ _tag: "CallTimeout", timeoutMillis: 1000 })
  expect(simulation.clock.elapsedMillis).toBe(1000)
})
