package org.iommu4j.core.component;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.iommu4j.backend.Backend;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.BackendStatus;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.namespace.PackageNamespace;
import org.osgi.framework.wiring.BundleRequirement;
import org.osgi.framework.wiring.BundleRevision;
import org.osgi.framework.wiring.FrameworkWiring;
import org.osgi.resource.Namespace;
import org.osgi.service.component.runtime.ServiceComponentRuntime;
import org.osgi.service.component.runtime.dto.ComponentConfigurationDTO;
import org.osgi.service.component.runtime.dto.ComponentDescriptionDTO;
import org.osgi.service.component.runtime.dto.UnsatisfiedReferenceDTO;

/**
 * Vendors' bundles that are there and bring no backend, each with its root cause. A bundle is a vendor's if its manifest says
 * that it provides a backend, or one of its component descriptions does; one without any manifest may be anybody's, and so
 * may a jar in a watched folder that became no bundle.
 */
final class VendorBundles {
    private static final String BACKEND = Backend.class.getName();

    /** The framework's property with the folders that FileInstall watches. */
    private static final String WATCHED_FOLDERS = "felix.fileinstall.dir";

    private static final String SERVICE_COMPONENT = "Service-Component";
    private static final int LONGEST_REASON = 300;

    private static final Pattern PROVIDES =
            Pattern.compile("<(\\w+:)?provide\\s[^>]*interface\\s*=\\s*[\"']" + Pattern.quote(BACKEND) + "[\"']");
    private static final Pattern IMMEDIATE = Pattern.compile("<[^>]*\\simmediate\\s*=\\s*[\"']true[\"']");
    private static final Pattern COMPONENT_MODEL =
            Pattern.compile("name\\s*=\\s*[\"']model[\"'][^>]*value\\s*=\\s*[\"'](\\w+)[\"']");
    private static final Pattern HEADER_MODEL = Pattern.compile("model\\s*=\\s*\"?(\\w+)\"?");

    private final BundleContext context;
    private final ServiceComponentRuntime components;
    private final BoundedStarts starts;

    VendorBundles(BundleContext context, ServiceComponentRuntime components, BoundedStarts starts) {
        this.context = context;
        this.components = components;
        this.starts = starts;
    }

    /** True if a component that provides a backend is made as soon as the bundle starts. */
    static boolean makesBackendAtOnce(Bundle bundle) {
        String descriptions = descriptions(bundle);
        return IMMEDIATE.matcher(descriptions).find()
                && PROVIDES.matcher(descriptions).find();
    }

    /**
     * The vendors' bundles that bring no backend, with the reason.
     *
     * @param serving ids of the bundles whose backends the core has
     */
    List<BackendStatus> notServing(Set<Long> serving) {
        List<BackendStatus> found = new ArrayList<>();
        Bundle[] bundles = context.getBundles();
        for (Bundle bundle : bundles) {
            if (bundle.getState() != Bundle.UNINSTALLED && !serving.contains(bundle.getBundleId())) {
                String descriptions = descriptions(bundle);
                String provided = header(bundle, Constants.PROVIDE_CAPABILITY);
                boolean nameless = bundle.getSymbolicName() == null;
                if (nameless
                        || provided.contains(BACKEND)
                        || PROVIDES.matcher(descriptions).find()) {
                    found.add(status(bundle, descriptions, provided));
                }
            }
        }
        List<String> locations = Stream.of(bundles).map(Bundle::getLocation).toList();
        WatchedJars.refused(context.getProperty(WATCHED_FOLDERS), locations)
                .forEach((file, reason) -> found.add(failed(null, file, "", reason)));
        return found;
    }

    private BackendStatus status(Bundle bundle, String descriptions, String provided) {
        String name = bundle.getSymbolicName() == null ? bundle.getLocation() : bundle.getSymbolicName();
        String reason = bundle.getSymbolicName() == null ? "it is no bundle: no manifest names it" : reason(bundle);
        IommuModel model = model(COMPONENT_MODEL.matcher(descriptions));
        return failed(
                model != null ? model : model(HEADER_MODEL.matcher(provided)),
                name,
                bundle.getVersion().toString(),
                reason);
    }

    private static BackendStatus failed(IommuModel model, String name, String version, String reason) {
        return new BackendStatus(
                0, model, bounded(name), version, BackendStatus.State.FAILED, List.of(), 0, 0, bounded(reason));
    }

    private static IommuModel model(Matcher named) {
        return named.find() ? IommuModel.ofLabel(named.group(1)) : null;
    }

    private String reason(Bundle bundle) {
        String late = starts.failure(bundle);
        if (late != null) {
            return late;
        }
        return switch (bundle.getState()) {
            case Bundle.INSTALLED -> unresolved(bundle);
            case Bundle.RESOLVED -> "its bundle is resolved, but not started";
            case Bundle.STOPPING -> "its bundle is stopping";
            default -> silent(bundle);
        };
    }

    /** The first requirement that nobody meets, of the bundle or of those that could meet its own. */
    private String unresolved(Bundle bundle) {
        String missing = missing(bundle, new ArrayList<>());
        return missing.isEmpty()
                ? "its bundle is not resolved: it was not started, or what it imports does not fit together"
                : "its bundle cannot be resolved: " + missing;
    }

    private String missing(Bundle bundle, List<Bundle> seen) {
        BundleRevision revision = bundle.adapt(BundleRevision.class);
        if (revision == null || seen.contains(bundle)) {
            return "";
        }
        seen.add(bundle);
        FrameworkWiring wiring =
                context.getBundle(Constants.SYSTEM_BUNDLE_LOCATION).adapt(FrameworkWiring.class);
        for (BundleRequirement requirement : revision.getDeclaredRequirements(null)) {
            var directives = requirement.getDirectives();
            boolean optional =
                    Namespace.RESOLUTION_OPTIONAL.equals(directives.get(Namespace.REQUIREMENT_RESOLUTION_DIRECTIVE));
            boolean atResolve = Namespace.EFFECTIVE_RESOLVE.equals(
                    directives.getOrDefault(Namespace.REQUIREMENT_EFFECTIVE_DIRECTIVE, Namespace.EFFECTIVE_RESOLVE));
            boolean dynamic = PackageNamespace.RESOLUTION_DYNAMIC.equals(
                    directives.get(Namespace.REQUIREMENT_RESOLUTION_DIRECTIVE));
            if (optional || dynamic || !atResolve || requirement.getNamespace().startsWith("osgi.wiring.host")) {
                continue;
            }
            var providers = wiring.findProviders(requirement);
            if (providers.isEmpty()) {
                return "nobody provides " + requirement.getNamespace() + " "
                        + directives.getOrDefault(Namespace.REQUIREMENT_FILTER_DIRECTIVE, "");
            }
            boolean resolved = providers.stream()
                    .anyMatch(provider -> provider.getRevision().getBundle().getState() != Bundle.INSTALLED);
            if (!resolved) {
                Bundle provider = providers.iterator().next().getRevision().getBundle();
                String deeper = missing(provider, seen);
                if (!deeper.isEmpty()) {
                    return provider.getSymbolicName() + ", which it needs: " + deeper;
                }
            }
        }
        return "";
    }

    /** Why a bundle that has started registers no backend. */
    private String silent(Bundle bundle) {
        List<String> reasons = new ArrayList<>();
        for (ComponentDescriptionDTO description : components.getComponentDescriptionDTOs(bundle)) {
            if (Arrays.asList(description.serviceInterfaces).contains(BACKEND)) {
                Collection<ComponentConfigurationDTO> configurations =
                        components.getComponentConfigurationDTOs(description);
                if (configurations.isEmpty()) {
                    reasons.add("its component " + description.name + " is not enabled");
                }
                for (ComponentConfigurationDTO configuration : configurations) {
                    reasons.add(reason(configuration));
                }
            }
        }
        return reasons.isEmpty()
                ? "its bundle has started, but none of its components provides a backend, and it registers none"
                : String.join("; ", reasons);
    }

    private static String reason(ComponentConfigurationDTO configuration) {
        String component = "its component " + configuration.description.name;
        if (configuration.failure != null) {
            return component + " failed: " + rootCause(configuration.failure);
        }
        if (configuration.unsatisfiedReferences != null && configuration.unsatisfiedReferences.length > 0) {
            List<String> names = new ArrayList<>();
            for (UnsatisfiedReferenceDTO reference : configuration.unsatisfiedReferences) {
                names.add(reference.name);
            }
            return component + " waits for " + String.join(", ", names);
        }
        return configuration.state == ComponentConfigurationDTO.UNSATISFIED_CONFIGURATION
                ? component + " waits for its configuration"
                : component + " gave no backend when it was asked";
    }

    /** The line of the deepest cause in a printed stack trace. */
    private static String rootCause(String trace) {
        String cause = trace.lines().findFirst().orElse("");
        for (String line : trace.lines().toList()) {
            if (line.strip().startsWith("Caused by:")) {
                cause = line.strip().substring("Caused by:".length());
            }
        }
        return cause.strip();
    }

    /** The texts of a bundle's component descriptions; empty if it has none, or they cannot be read. */
    private static String descriptions(Bundle bundle) {
        StringBuilder texts = new StringBuilder();
        for (String path : header(bundle, SERVICE_COMPONENT).split(",", -1)) {
            URL entry = path.isBlank() || path.contains("*") ? null : bundle.getEntry(path.strip());
            if (entry != null) {
                try (InputStream in = entry.openStream()) {
                    texts.append(new String(in.readNBytes(1 << 16), StandardCharsets.UTF_8));
                } catch (IOException e) {
                    // A file that cannot be read says nothing; the manifest may.
                    texts.append(' ');
                }
            }
        }
        return texts.toString();
    }

    private static String header(Bundle bundle, String name) {
        String header = bundle.getHeaders("").get(name);
        return header == null ? "" : header;
    }

    private static String bounded(String text) {
        return text.length() <= LONGEST_REASON ? text : text.substring(0, LONGEST_REASON);
    }
}
