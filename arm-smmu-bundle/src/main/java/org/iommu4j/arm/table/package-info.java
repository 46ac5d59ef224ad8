/**
 * Structures in memory, IHI 0070 5 and DDI 0487 D8: stream table, context descriptors, translation tables; what makes them legal,
 * and walking them. The package knows formats only, no caches.
 */
package org.iommu4j.arm.table;
