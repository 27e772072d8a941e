/**
 * One trial as a program: told what to try by its argument, it prints what came of it, as JSON.
 */

import { runEndings } from "./Endings.ts"
import type { TrialOrder } from "./inOwnNetwork.ts"
import { runOverload } from "./Overload.ts"
import { runTrial } from "./Trial.ts"

const order: TrialOrder = JSON.parse(process.argv[2] ?? "{}")

process.stdin.on("end", () => process.exit(1)).resume()

const carryOut = () => {
  switch (order.name) {
    case "storm":
      return runTrial(order.options, order.hasNetwork)
    case "overload":
      return runOverload(order.options)
    case "endings":
      return runEndings(order.options)
  }
}

const result = JSON.stringify(await carryOut())
process.stdout.write(result, () => process.exit())
