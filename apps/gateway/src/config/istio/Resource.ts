/**
 * What all of Istio's resources have in common: the Kubernetes envelope around their `spec`.
 */
import { Schema } from "effect"
import { informational } from "./Support.ts"
import { DnsLabel, NonEmptyString } from "./Value.ts"

/** Their fields are the same. */
const ApiVersion = Schema.Literals([
  "networking.istio.io/v1",
  "networking.istio.io/v1beta1",
  "networking.istio.io/v1alpha3"
])

/** Kubernetes' ObjectMeta. What the API server writes into it says nothing about traffic. */
const Metadata = Schema.Struct({
  name: NonEmptyString,
  /** Default: `default`. It completes short host names. */
  namespace: Schema.optionalKey(DnsLabel),
  labels: informational,
  annotations: informational,
  generateName: informational,
  uid: informational,
  resourceVersion: informational,
  generation: informational,
  creationTimestamp: informational,
  deletionTimestamp: informational,
  deletionGracePeriodSeconds: informational,
  finalizers: informational,
  managedFields: informational,
  ownerReferences: informational,
  selfLink: informational
})

export const resource = <Spec extends Schema.ConstraintDecoder<unknown>>(spec: Spec) =>
  Schema.Struct({
    apiVersion: ApiVersion,
    kind: Schema.String,
    metadata: Metadata,
    spec,
    /** What the cluster last observed. */
    status: informational
  })
