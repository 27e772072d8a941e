import { WeirHttpClient } from "@weir/client"
import { HttpPeer, SimulatedNetwork, Simulation } from "@weir/testkit"
import { Connector } from "@weir/transport"
import { Effect, Exit, Layer } from "effect"
import { HttpClient } from "effect/http"
import { describe, expect, it } from "vitest"

/** What is under test: asks two replicas at once and takes the first answer. */
const ask = Effect.raceFirst(HttpClient.get("http://one.test/"), HttpClient.get("http://two.test/")).pipe(
  Effect.flatMap((answer) => answer.text),
  Effect.timeout("1 second")
)

/** Runs it against two simulated servers that answer after so many milliseconds. */
const run = (seed: number, oneMillis: number, twoMillis: number) => {
  const simulation = new Simulation({ seed })
  const network = new SimulatedNetwork(simulation, { latencyMillisMax: 3 })
  for (const [name, address, millis] of [
    ["one", "10.0.0.1", oneMillis],
    ["two", "10.0.0.2", twoMillis]
  ] as const) {
    network.setName(`${name}.test`, address)
    network.listen(address, 80, (connection) => {
      new HttpPeer(connection, () => {
        simulation.after(millis, () => connection.write(`HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n${name}`))
      })
    })
  }
  const pooled = WeirHttpClient.layer({ pool: { connectionsPerRouteMax: 1 } }).pipe(
    Layer.provide(Layer.succeed(Connector, network.connector))
  )
  return { exit: simulation.run(Effect.provide(ask, pooled)), network, simulation }
}

describe("asking two replicas", () => {
  it("gets the faster one's answer and leaves nothing open, in whatever order things happen", () => {
    for (let seed = 0; seed < 50; seed++) {
      const { exit, network, simulation } = run(seed, 500, 20)
      expect(exit, `seed ${seed}`).toEqual(Exit.succeed("two"))
      simulation.settle()
      expect(network.openEndCount, `seed ${seed}`).toBe(0)
    }
  })

  it("gives up after exactly one second, which takes no time to wait for", () => {
    const { exit, simulation } = run(1, 5000, 7000)
    expect(Exit.isFailure(exit)).toBe(true)
    expect(simulation.clock.elapsedMillis).toBe(1000)
  })
})
