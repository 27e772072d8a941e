/**
 * Scripts one step plainer than a given one: a knob less, a fault less, an operation less or with less to it.
 */
import type { Operation, Peers, PoolScript } from "./PoolScript.ts"

const withoutKey = <A extends object>(values: A, key: string): A =>
  JSON.parse(JSON.stringify({ ...values, [key]: undefined }))

/** Numbers that an operation can do without. */
const plainValues: Readonly<Record<string, number | string>> = {
  holdMillis: 0,
  timeoutMillis: 0,
  priority: "normal",
  ending: "release",
  interruptAfterMillis: 0,
  againCount: 0,
  way: "plain",
  route: 0
}

export function* plainer(script: PoolScript): Iterable<PoolScript> {
  for (let index = script.operations.length - 1; index >= 0; index--) {
    yield { ...script, operations: script.operations.filter((_, at) => at !== index) }
  }
  for (const key of Object.keys(script.config)) yield { ...script, config: withoutKey(script.config, key) }
  const peers: Peers = script.peers
  for (const [key, value] of Object.entries(peers)) {
    if (value === 0 || value === false) continue
    yield { ...script, peers: { ...peers, [key]: typeof value === "number" ? 0 : false } }
  }
  if (script.yieldRatio > 0) yield { ...script, yieldRatio: 0 }
  if (script.interleaving === "random") yield { ...script, interleaving: "in-order" }
  for (const [index, operation] of script.operations.entries()) {
    for (const changed of plainerOperations(operation)) {
      yield { ...script, operations: script.operations.map((one, at) => (at === index ? changed : one)) }
    }
  }
}

function* plainerOperations(operation: Operation): Iterable<Operation> {
  if (operation._tag === "Configure") {
    for (const key of Object.keys(operation.config)) yield { ...operation, config: withoutKey(operation.config, key) }
    return
  }
  for (const [key, value] of Object.entries(operation)) {
    const plain = plainValues[key]
    if (plain !== undefined && plain !== value) yield { ...operation, [key]: plain }
  }
}
