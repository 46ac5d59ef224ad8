/** AMD-Vi: the backend, and what test benches and explanations have to know. */
package org.iommu4j.amd;
