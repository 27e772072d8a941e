/**
 * A program that ends as programs should, in a process of the runtime that it is tried on: on SIGTERM it shuts its pool
 * down, lets what is under way finish, and exits with status 0. Its callers send POSTs without pause. It prints `working`
 * when every connection is in use and callers wait, and at the end what became of the calls that SIGTERM met.
 */
import type { ClientError, WeirClientService } from "@weir/client"
import { Deferred, Effect } from "effect"
import type { EndingOrders, EndingReport } from "./Endings.ts"
import { nameOf, openClient, runTried } from "./openClient.ts"

const orders: EndingOrders = JSON.parse(process.argv[2] ?? "{}")
/** Not those of the client before: the server keeps its books by them. */
let nextNumber = 1 + (process.pid % 1000) * 1000

const endingOf = (error: ClientError): string => {
  const { reason } = error
  return reason._tag === "NoConnection" && reason.error.reason._tag === "Refused"
    ? reason.error.reason.reason
    : nameOf(error)
}

const post = (client: WeirClientService, number: number) =>
  Effect.flatMap(
    client.execute({
      origin: client.originFor(false, "127.0.0.1", orders.port),
      method: "POST",
      target: `/${number}`,
      headers: [],
      body: { _tag: "Bytes", bytes: new Uint8Array(1000) }
    }),
    (response) => response.bytes
  )

const program = Effect.gen(function* () {
  const client = yield* openClient({ pool: { connectionsPerRouteMax: orders.connectionCount } })
  const asked = yield* Deferred.make<void>()
  let isAsked = false
  process.once("SIGTERM", () => {
    isAsked = true
    Deferred.doneUnsafe(asked, Effect.void)
  })
  const answered: Array<number> = []
  const failures: Array<EndingReport["failures"][number]> = []
  const caller = Effect.gen(function* () {
    while (!isAsked) {
      const number = nextNumber++
      yield* Effect.match(post(client, number), {
        onSuccess: () => {
          if (isAsked) answered.push(number)
        },
        onFailure: (error) => failures.push({ number, name: endingOf(error) })
      })
    }
  })
  const working = Effect.gen(function* () {
    for (;;) {
      const { active, pending } = yield* client.pool.stats
      if (active.used === orders.connectionCount && pending.used > 0) break
      yield* Effect.sleep(5)
    }
    console.log(JSON.stringify("working"))
    yield* Deferred.await(asked)
    const newcomer = Effect.flip(post(client, nextNumber++)).pipe(
      Effect.match({ onSuccess: endingOf, onFailure: () => "an answer" })
    )
    const [, ending] = yield* Effect.all([client.pool.shutdown("10 seconds"), newcomer], { concurrency: "unbounded" })
    return ending
  })
  const callers = Array.from({ length: orders.callerCount }, () => caller)
  const [newcomer] = yield* Effect.all([working, Effect.all(callers, { concurrency: "unbounded" })], {
    concurrency: "unbounded"
  })
  const told: EndingReport = { answered, newcomer, failures }
  console.log(JSON.stringify(told))
})

await runTried(Effect.scoped(program))
process.exit(0)
