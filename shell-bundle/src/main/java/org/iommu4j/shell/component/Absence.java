package org.iommu4j.shell.component;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.iommu4j.core.service.OneLine;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceReference;
import org.osgi.service.component.runtime.ServiceComponentRuntime;
import org.osgi.service.component.runtime.dto.ComponentConfigurationDTO;
import org.osgi.service.component.runtime.dto.ComponentDescriptionDTO;
import org.osgi.service.component.runtime.dto.ReferenceDTO;
import org.osgi.service.component.runtime.dto.UnsatisfiedReferenceDTO;

/** Why a service is not there: which component waits for what, and which bundles are not active. */
final class Absence {
    /** Components that wait for one another, at most. */
    private static final int MAX_DEPTH = 8;

    private final BundleContext context;

    Absence(BundleContext context) {
        this.context = context;
    }

    /** Why nobody offers a service, as one line without its end. */
    String of(Class<?> service) {
        ServiceReference<ServiceComponentRuntime> reference =
                context.getServiceReference(ServiceComponentRuntime.class);
        ServiceComponentRuntime components = reference == null ? null : context.getService(reference);
        if (components == null) {
            return "declarative services are not there; not active: " + notActive();
        }
        try {
            return of(service.getName(), components, MAX_DEPTH);
        } finally {
            context.ungetService(reference);
        }
    }

    private String of(String service, ServiceComponentRuntime components, int depth) {
        for (ComponentDescriptionDTO description : components.getComponentDescriptionDTOs()) {
            if (depth > 0 && Arrays.asList(description.serviceInterfaces).contains(service)) {
                return "of " + description.bundle.symbolicName + ", which " + state(description, components, depth);
            }
        }
        return "of a bundle that is missing or not active; not active: " + notActive();
    }

    private String state(ComponentDescriptionDTO description, ServiceComponentRuntime components, int depth) {
        List<String> reasons = new ArrayList<>();
        for (ComponentConfigurationDTO configuration : components.getComponentConfigurationDTOs(description)) {
            if (configuration.failure != null) {
                reasons.add("failed: "
                        + OneLine.name(configuration.failure.lines().findFirst().orElse("")));
            }
            for (UnsatisfiedReferenceDTO missing : configuration.unsatisfiedReferences) {
                String wanted = wanted(description, missing.name);
                reasons.add("waits for " + wanted + " " + of(wanted, components, depth - 1));
            }
        }
        return reasons.isEmpty() ? "does not offer it" : String.join(" and ", reasons);
    }

    private static String wanted(ComponentDescriptionDTO description, String reference) {
        for (ReferenceDTO one : description.references) {
            if (one.name.equals(reference)) {
                return one.interfaceName;
            }
        }
        return reference;
    }

    private String notActive() {
        String names = Arrays.stream(context.getBundles())
                .filter(bundle -> bundle.getState() != Bundle.ACTIVE)
                .filter(bundle -> bundle.getHeaders().get(Constants.FRAGMENT_HOST) == null)
                .map(bundle -> String.valueOf(bundle.getSymbolicName()))
                .distinct()
                .sorted()
                .collect(Collectors.joining(", "));
        return names.isEmpty() ? "none" : names;
    }
}
