/**
 * The program that Process.test.ts runs: `ref PORT`, `unref PORT` or `unref-ref PORT` holds an idle connection to the port
 * in that state, `sleep` sleeps for an hour by the background clock. It says when it has nothing left to do.
 */
import { Target } from "@weir/transport"
import { Duration, Effect } from "effect"
import { makeConnector } from "./runtime.ts"

const [mode, port] = process.argv.slice(2)

process.once("beforeExit", () => console.log("nothing left to do"))

const connector = await Effect.runPromise(makeConnector())
if (mode === "sleep") {
  Effect.runFork(connector.backgroundClock.sleep(Duration.hours(1)))
} else {
  const connection = await Effect.runPromise(connector.connect({ address: Target.tcp("127.0.0.1", Number(port)) }))
  connection.attach({
    onData: () => {},
    onDrain: () => {},
    onEnd: () => connection.close(),
    onClose: () => console.log("closed")
  })
  if (mode !== "ref") connection.unref()
  if (mode === "unref-ref") connection.ref()
  connection.write("idle")
}
