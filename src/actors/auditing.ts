/** Putting events into the audit. Every one passes here, and leaves its secrets. */

import type { Audited } from '../audit.ts'
import { redactData } from '../redaction.ts'
import type { Store } from '../store/store.ts'

/** In the transaction that runs, if one does. What goes on whether or not it can be recorded is sent to the ledger instead, as `audited`. */
export const audit = (store: Pick<Store, 'appendAudit'>, event: Audited): void => store.appendAudit({ ...event, data: redactData(event.data) })
