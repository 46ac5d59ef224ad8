/** What a fuzzer has to know of zPCI: a little software, and a second opinion on translations. */
package org.iommu4j.s390.fuzz;
