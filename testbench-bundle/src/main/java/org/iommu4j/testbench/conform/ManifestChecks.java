package org.iommu4j.testbench.conform;

import static org.iommu4j.testbench.conform.Check.expect;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.iommu4j.backend.Backend;
import org.iommu4j.contract.IommuModel;
import org.iommu4j.core.service.Progress;
import org.osgi.framework.Constants;
import org.osgi.framework.Version;
import org.osgi.framework.VersionRange;

/** Checks the manifest of a bundle and the contents of its jar. */
final class ManifestChecks {
    /** Packages of a vendor's three neighbours; those below them included. */
    private static final List<String> NEIGHBOURS = List.of(
            "org.iommu4j.backend",
            "org.iommu4j.contract",
            "org.iommu4j.layout",
            "org.iommu4j.simulation",
            "org.iommu4j.driver");

    private static final String OURS = "org.iommu4j.";

    /** Shared packages that a vendor does not know; its own may begin alike. */
    private static final List<String> STRANGERS = List.of(
            "org.iommu4j.core", "org.iommu4j.upgrade", "org.iommu4j.testbench", "org.iommu4j.shell", "org.iommu4j.log");

    /** Major version of class files for Java 17. */
    private static final int JAVA_17 = 61;

    private static final String SERVICE = "osgi.service";
    private static final String SERVICE_COMPONENT = "Service-Component";
    private static final Pattern MODEL = Pattern.compile("<property\\s+name=\"model\"[^>]*value=\"([^\"]*)\"");

    private final BundleFile file;

    ManifestChecks(BundleFile file) {
        this.file = file;
    }

    /** A name and a version, in the form of OSGi's newer manifests. */
    String identity(Progress progress) {
        expect(
                file.header(Constants.BUNDLE_MANIFESTVERSION).equals("2"),
                "Bundle-ManifestVersion is '" + file.header(Constants.BUNDLE_MANIFESTVERSION) + "', not 2");
        expect(!file.symbolicName().isEmpty(), "the manifest has no Bundle-SymbolicName");
        expect(!file.version().isEmpty(), "the manifest has no Bundle-Version");
        try {
            Version version = Version.parseVersion(file.version());
            return file.symbolicName() + " " + version;
        } catch (IllegalArgumentException e) {
            throw new Check.Unmet("Bundle-Version '" + file.version() + "' is no version, as 1.2.0", e);
        }
    }

    /** Checks which packages it imports, and in which range of versions. */
    String imports(Progress progress) {
        for (String header : List.of(Constants.REQUIRE_BUNDLE, Constants.DYNAMICIMPORT_PACKAGE)) {
            expect(file.header(header).isEmpty(), header + " binds it to what is not an API: " + file.header(header));
        }
        int imports = 0;
        for (Header clause : file.clauses(Constants.IMPORT_PACKAGE)) {
            if (!clause.name().startsWith(OURS)) {
                continue;
            }
            expect(
                    isBelow(clause.name(), NEIGHBOURS),
                    "it imports " + clause.name() + ", which is no vendor's business");
            expectBounded(clause);
            imports++;
        }
        expect(imports > 0, "it imports no package of the contract");
        return imports + " packages";
    }

    private static void expectBounded(Header clause) {
        String range = clause.parameter(Constants.VERSION_ATTRIBUTE);
        expect(!range.isEmpty(), "the import of " + clause.name() + " has no version range");
        VersionRange versions;
        try {
            versions = VersionRange.valueOf(range);
        } catch (IllegalArgumentException e) {
            throw new Check.Unmet("the import of " + clause.name() + " has the range '" + range + "'", e);
        }
        Version end = versions.getRight();
        Version next = new Version(versions.getLeft().getMajor() + 1, 0, 0);
        expect(
                end != null && end.compareTo(next) <= 0 && (end.compareTo(next) < 0 || versions.getRightType() == ')'),
                "the import of " + clause.name() + " has the range '" + range + "', which takes version " + next
                        + " and so what does not fit");
    }

    /** Only its own classes, for a Java that every container has. */
    String content(Progress progress) {
        for (Map.Entry<String, Integer> one : file.classVersions().entrySet()) {
            String name = one.getKey().replace('/', '.');
            int end = name.lastIndexOf('.', name.length() - ".class".length() - 1);
            String folder = end < 0 ? "" : name.substring(0, end);
            expect(
                    !isBelow(folder, NEIGHBOURS) && !isBelow(folder, STRANGERS),
                    one.getKey() + " is a class of a shared package: its own copy fits nobody else's");
            expect(
                    one.getValue() <= JAVA_17,
                    one.getKey() + " has class file version " + one.getValue() + ", Java 17 reads " + JAVA_17);
        }
        return file.classVersions().size() + " classes";
    }

    /** A backend that can be found without asking it. */
    String offer(Progress progress) {
        boolean offered = file.clauses(Constants.PROVIDE_CAPABILITY).stream()
                .anyMatch(clause -> clause.name().equals(SERVICE)
                        && List.of(clause.parameter("objectClass").split("\\s*,\\s*"))
                                .contains(Backend.class.getName()));
        expect(offered, "the manifest does not provide the service " + Backend.class.getName());
        List<String> models = new ArrayList<>();
        for (Header component : file.clauses(SERVICE_COMPONENT)) {
            String text = file.texts().get(component.name());
            expect(text != null, "its component " + component.name() + " is not in the jar");
            Matcher model = MODEL.matcher(text);
            if (text.contains(Backend.class.getName()) && model.find()) {
                models.add(model.group(1));
            }
        }
        expect(models.size() == 1, "components that offer a Backend and have a property 'model': " + models.size());
        expect(
                IommuModel.ofLabel(models.get(0)) != null,
                "the property 'model' of its component is '" + models.get(0) + "', which is no model");
        return "model " + models.get(0);
    }

    private static boolean isBelow(String name, List<String> packages) {
        return packages.stream().anyMatch(one -> name.equals(one) || name.startsWith(one + "."));
    }
}
