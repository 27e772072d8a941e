/**
 * The program that NativeSocket.test.ts runs where there is no native socket of Bun's: it sends a word to the port it is
 * given, and prints the layer of its connection and what came back.
 */
import { BunConnector } from "@weir/bun"
import { Target } from "@weir/transport"
import { Effect } from "effect"

const connector = await Effect.runPromise(BunConnector.make())
const connection = await Effect.runPromise(
  connector.connect({ address: Target.tcp("127.0.0.1", Number(process.argv[2])) })
)
connection.attach({
  onData: (chunk) => {
    console.log(connection.info.layer, Buffer.from(chunk).toString())
    connection.close()
  },
  onDrain: () => {},
  onEnd: () => {},
  onClose: () => {}
})
connection.write("word")
