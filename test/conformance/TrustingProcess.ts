/**
 * The program that Trust.test.ts runs: `TrustingProcess.ts PORT` connects by TLS, trusting the CA in the environment (`CA`),
 * if there is one, and prints `verified` or the reason why not.
 */
import { Target } from "@weir/transport"
import { Effect } from "effect"
import { makeConnector } from "./runtime.ts"

const [port] = process.argv.slice(2).map(Number)
const { CA } = process.env

const outcome = makeConnector().pipe(
  Effect.flatMap((connector) =>
    connector.connect({ address: Target.tcp("localhost", port ?? 0), tls: CA === undefined ? {} : { ca: [CA] } })
  ),
  Effect.match({
    onFailure: (error) => error.reason,
    onSuccess: (connection) => {
      connection.close()
      return "verified"
    }
  })
)
console.log(await Effect.runPromise(outcome))
