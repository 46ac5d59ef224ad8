/**
 * The parts of a fuzzer that know sPAPR: a little software that sets a platform up, and a second opinion on translations that
 * shares nothing with the platform's own walker.
 */
package org.iommu4j.spapr.fuzz;
