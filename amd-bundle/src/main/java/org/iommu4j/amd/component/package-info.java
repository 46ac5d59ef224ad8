/** The only package that knows Declarative Services. */
package org.iommu4j.amd.component;
