/** JMH benchmarks of the public path: method, goals and figures are in docs/performance.md. */
package org.iommu4j.benchmarks;
