import { createMemoryStore } from '../../src/store/memory.ts'
import { describeStore } from '../contracts/store.ts'
import { describeMeasuring } from '../contracts/store-measuring.ts'

describeStore('the memory store', createMemoryStore)
describeMeasuring(createMemoryStore)
