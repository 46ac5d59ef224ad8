/**
 * Structures in memory, 48882 2.2: device table entries, host and guest page tables, GCR3 tables; what makes an entry legal, and
 * how hardware walks them.
 */
package org.iommu4j.amd.table;
