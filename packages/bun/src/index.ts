export * as BunConnector from "./BunConnector.ts"
