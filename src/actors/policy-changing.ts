/** Changes of policy, and who is to hear of them. */

import type { Caller } from '../messages.ts'
import type { PolicyChange, PolicyControl, PolicyTold } from './controlling.ts'

/** @param change throws where nothing was changed; then nobody is told */
export function createPolicyChanging(change: (wanted: PolicyChange & { readonly caller: Caller }) => PolicyTold): Pick<PolicyControl, 'setPolicy' | 'onPolicyChanged'> {
  const listeners: (() => void)[] = []
  return {
    setPolicy(caller, wanted) {
      const told = change({ ...wanted, caller })
      for (const tell of listeners) tell()
      return told
    },
    onPolicyChanged: listener => void listeners.push(listener),
  }
}
