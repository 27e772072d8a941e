export { Chance, hash } from "./Chance.ts"
export { type Interleaving, SeededScheduler } from "./SeededScheduler.ts"
export * from "./Simulation.ts"
export { VirtualClock } from "./VirtualClock.ts"
