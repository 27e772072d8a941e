export { capabilityNotes } from "./capabilityNotes.ts"
export * as DenoConnector from "./DenoConnector.ts"
