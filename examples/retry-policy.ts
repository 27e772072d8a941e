/**
 * Retries where they cannot do harm: by the pool itself on a connection that had gone stale, and by this policy where
 * nothing of a call was sent, or the call is idempotent. A queue that is full is not answered with more calls.
 */
import { WeirHttpClient } from "@weir/client"
import { NodeConnector } from "@weir/node"
import { Effect, Schedule } from "effect"
import { HttpClient } from "effect/http"

const url = process.argv[2] ?? "http://127.0.0.1:8080/env"

const patiently = Schedule.exponential("20 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 4 }))

const program = Effect.gen(function* () {
  const client = (yield* HttpClient.HttpClient).pipe(
    HttpClient.retry({ schedule: patiently, while: (error) => WeirHttpClient.isRetryable(error, true) })
  )
  return yield* Effect.flatMap(client.get(url), (answer) => answer.text)
})
const pooled = WeirHttpClient.layer({ http: { retryCountMax: 2, retryBudgetRatio: 0.1, requestTimeout: "10 seconds" } })

console.log(await Effect.runPromise(program.pipe(Effect.provide(pooled), Effect.provide(NodeConnector.layer))))
